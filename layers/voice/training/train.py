"""One command from the manifest to the shipped weights, their card and their log."""

import argparse
import json
import logging
import platform
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from layers.voice.detector.embedded import EmbeddedDetector
from layers.voice.training.data import Row, read_manifest, rows_digest
from layers.voice.training.measure import eer_with_interval, score_rows, write_scores
from layers.voice.training.sampling import MEMBERS
from layers.voice.training.store import StoreSettings
from layers.voice.training.work import files_digest, kept_member, kept_store, key_of

_LOG = logging.getLogger("layers.voice.training")
_CARD_ARGUMENTS = ("everything", "seed", "renderings", "neural", "variants")
_CONTRACT = (
    "16 kHz mono float32 in [-1, 1], 0.3 s or more; one score per window of 3.2 s, higher is more "
    "bona fide"
)
_LICENCE = (
    "Apache-2.0. Fitted on rows of the manifest marked redistributable=yes and on attacks "
    "that the project made from them; nothing else reached these weights."
)


def held_out(rows: tuple[Row, ...], shipped: tuple[Row, ...]) -> tuple[Row, ...]:
    """Train rows of sources that gave the shipped weights nothing and hold both classes."""
    seen = {row.source for row in shipped}
    real = {row.source for row in rows if row.bonafide} - seen
    both = {row.source for row in rows if not row.bonafide} & real
    return tuple(row for row in rows if row.split == "train" and row.source in both)


def figures(
    folder: Path, rows: tuple[Row, ...], detector: EmbeddedDetector, out: Path
) -> dict[str, dict[str, float | int]]:
    """EER of a set of rows, pooled and per source of both classes; scores beside it."""
    scores = score_rows(folder, rows, detector)
    write_scores(out, rows, scores)
    real = np.array([row.bonafide for row in rows])
    source = np.array([row.source for row in rows])
    found = {"pooled": eer_with_interval(scores, real).as_dict()}
    for name in sorted(set(source.tolist())):
        here = source == name
        if real[here].sum() >= 10 and (~real[here]).sum() >= 10:
            found[name] = eer_with_interval(scores[here], real[here]).as_dict()
    return found


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of manifest.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--scores", type=Path, default=None, help="folder for score CSVs")
    parser.add_argument("--everything", action="store_true", help="also rows that may not ship")
    parser.add_argument("--seed", type=int, default=20261120)
    parser.add_argument("--renderings", type=int, default=1)
    parser.add_argument("--neural", type=int, default=2)
    parser.add_argument("--vocoders", type=Path, default=None, help="folder of neural vocoders")
    parser.add_argument("--variants", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path, default=None, help="folder to keep and resume from")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    handlers = (logging.FileHandler(args.out / "train.log", "w"), logging.StreamHandler())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)
    torch.set_num_threads(1)

    rows = read_manifest(args.data)
    train = tuple(row for row in rows if row.split == "train")
    used = train if args.everything else tuple(row for row in train if row.redistributable)
    digest = rows_digest(args.data, used)
    _LOG.info("seed %d, %d rows, data digest %s", args.seed, len(used), digest)
    work = args.work or Path(tempfile.mkdtemp(prefix="bonafide-training-"))
    work.mkdir(parents=True, exist_ok=True)
    settings = StoreSettings(
        args.seed, args.renderings, args.neural, args.variants, args.vocoders, args.workers
    )
    vocoders = files_digest(args.vocoders)
    store_key = key_of(digest, args.seed, args.renderings, args.neural, args.variants, vocoders)
    store = kept_store(work, args.data, used, store_key, settings)
    real = sum(clip.bonafide for clip in store.clips)
    made = sum(clip.self_made for clip in store.clips)
    _LOG.info(
        "store: %d bona fide, %d attacks, %d of them self-made", real, len(store.clips) - real, made
    )

    tensors: dict[str, torch.Tensor] = {}
    for member, recipe in enumerate(MEMBERS):
        key = key_of(store_key, asdict(recipe))
        _LOG.info("member %d, key %s: %s", member, key, recipe)
        fitted = kept_member(work, store, recipe, key, _LOG)
        tensors.update({f"{member}.{name}": value for name, value in fitted.items()})
    weights = args.out / "embedded.safetensors"
    save_file(tensors, weights, {"n_fft": ",".join(str(recipe.n_fft) for recipe in MEMBERS)})
    detector = EmbeddedDetector(weights)

    scores = args.scores or work
    dev = tuple(row for row in rows if row.split == "dev")
    card: dict[str, Any] = {
        "name": "embedded",
        "file": weights.name,
        "sha256": detector.digest,
        "contract": _CONTRACT,
        "command": "python -m layers.voice.training.train --data ../shared/data/voice"
        " --vocoders VOCODERS --out layers/voice/weights",
        "arguments": {k: str(v) for k, v in vars(args).items() if k in _CARD_ARGUMENTS},
        "recipes": [asdict(recipe) for recipe in MEMBERS],
        "data_sha256": digest,
        "vocoders_sha256": vocoders,
        "seed": args.seed,
        "rows": {
            "bonafide": sum(row.bonafide for row in used),
            "synthetic": sum(not row.bonafide for row in used),
            "self_made": made,
        },
        "date": datetime.now(UTC).date().isoformat(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "dev": figures(args.data, dev, detector, scores / "scores_dev.csv"),
        "licence": _LICENCE,
    }
    if not args.everything:
        unseen = held_out(train, used)
        card["held_out_sources"] = figures(
            args.data, unseen, detector, scores / "scores_held_out.csv"
        )
    pooled = card["dev"]["pooled"]
    card["reported"] = (
        f"EER {pooled['eer_percent']} % [{pooled['low']}, {pooled['high']}] on dev, "
        f"{pooled['n_bonafide']} bona fide and {pooled['n_attack']} synthetic recordings"
    )
    (args.out / "embedded.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    _LOG.info("weights %s", detector.digest)


if __name__ == "__main__":
    main()
