"""Train the artefact network: ``python -m layers.vision.training.fit_network --data FOLDER``.

Two networks, each on one half of the people and face-swap models, so that every clip has one that
never saw its person: cross-validation is then honest, and the two together are what ships. With
``--fold`` one process trains one of them; a last call without it joins what lies in ``--parts``.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

from layers.capture.load import load_video
from layers.registry import file_digest
from layers.vision.artefact_network import CELL_PX, NAME, ArtefactNetwork
from layers.vision.training.camera import filmed
from layers.vision.training.clips import N_FOLDS, Clip, digest, folds, read_clips
from layers.vision.training.drawing import Drawer, Mix
from layers.vision.training.faces import LabelledFace, faces_of
from layers.vision.training.pretrained import PACKAGE, pretrained_trunk

SEED = 20261121
PAIRS_PER_STEP = 8
MIX = Mix(
    cell_px=CELL_PX,
    swap_pair=0.2,
    resynthesis=0.38,
    donor=0.3,
    video=0.5,
    smallest=0.75,
    camera=filmed,
)
# Steps and rate of each cycle; every cycle's rate falls to nearly nothing along a cosine.
CYCLES = ((1800, 5e-4),)
# The heads start from nothing, the trunk from weights that are worth keeping.
HEAD_RATES = 3.0
# The stem and the first two stages keep the published weights: half the cost of a step.
FROZEN_STAGES = 2
log = logging.getLogger(__name__)


def main() -> None:
    """Train the folds asked for that aren't trained yet; join them when all are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, default=Path("layers/vision/weights"))
    parser.add_argument("--parts", type=Path, default=Path("build/artefact-network"))
    parser.add_argument("--fold", type=int, choices=range(N_FOLDS), help="train this one only")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    clips = read_clips(chosen.data, "dev")
    parts = [chosen.parts / f"fold{fold}.safetensors" for fold in range(N_FOLDS)]
    wanted = range(N_FOLDS) if chosen.fold is None else (chosen.fold,)
    missing = [fold for fold in wanted if not parts[fold].exists()]
    if missing:
        chosen.parts.mkdir(parents=True, exist_ok=True)
        crops = [face for clip in clips for face in faces_of(clip, load_video(clip.path))]
        for fold in missing:
            train(clips, crops, fold, parts[fold])
    if all(part.exists() for part in parts):
        join(parts, chosen.out, digest(clips))


def train(clips: list[Clip], crops: list[LabelledFace], fold: int, part: Path) -> None:
    """Train one network on crops of everything but one fold and write it to `part`.

    Each cycle is kept beside it, so that a training that was cut off goes on after the last one.
    """
    fold_of = folds(clips)
    seen = [crop for crop in crops if fold_of[crop.clip.group] != fold]
    torch.manual_seed(SEED + fold)
    network = ArtefactNetwork()
    network.trunk = pretrained_trunk()
    network.trunk.stem.requires_grad_(False)
    network.trunk.stages[:FROZEN_STAGES].requires_grad_(False)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for cycle, (steps, rate) in enumerate(CYCLES):
        kept = part.with_suffix(f".cycle{cycle}.safetensors")
        if kept.exists():
            network.load_state_dict(load_file(kept), strict=True)
            continue
        # The first cycle's draws are those of the fold alone.
        random = np.random.default_rng([SEED, fold, cycle] if cycle else [SEED, fold])
        torch.manual_seed(SEED + fold + N_FOLDS * cycle)
        log.info("fold %d cycle %d", fold, cycle)
        run_cycle(network, Drawer(seen, MIX, random), steps, rate)
        save_file({k: v.contiguous() for k, v in network.state_dict().items()}, kept)
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, part)


def run_cycle(network: ArtefactNetwork, draw: Drawer, steps: int, rate: float) -> None:
    """Train for some steps at a rate that falls along a cosine."""
    network.train()
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    trunk = [p for name, p in named if name.startswith("trunk.")]
    heads = [p for name, p in named if not name.startswith("trunk.")]
    optimiser = torch.optim.AdamW(
        [{"params": trunk, "lr": rate}, {"params": heads, "lr": HEAD_RATES * rate}],
        weight_decay=1e-2,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda n: share_of_rate(n, steps))
    recent: list[float] = []
    for step in range(steps):
        pixels, masks = draw.batch(PAIRS_PER_STEP)
        cells, whole = network(pixels.contiguous(memory_format=torch.channels_last))
        loss = loss_of(cells, whole, masks)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_([*trunk, *heads], 5.0)
        optimiser.step()
        schedule.step()
        recent.append(float(loss.detach()))
        if (step + 1) % 100 == 0:
            log.info("step %d loss %.3f", step + 1, np.mean(recent[-100:]))


def loss_of(
    cells: torch.Tensor, whole: torch.Tensor, masks: torch.Tensor, pictures: float = 0.7
) -> torch.Tensor:
    """Cross-entropy per cell, where replaced cells weigh double, and per picture."""
    weight = torch.where(masks > 0.1, 2.0, 1.0)
    by_cell = functional.binary_cross_entropy_with_logits(cells, masks, reduction="none")
    target = torch.tensor([0.0, 1.0] * (len(whole) // 2))
    by_picture = functional.binary_cross_entropy_with_logits(whole, target)
    return (by_cell * weight).mean() + pictures * by_picture


def share_of_rate(step: int, steps: int) -> float:
    """Sixty steps up, then down along a cosine to two hundredths."""
    warm = min(1.0, (step + 1) / 60)
    return warm * (0.5 * (1 + math.cos(math.pi * step / steps)) + 0.02)


def join(parts: list[Path], out: Path, data: str) -> None:
    """Write the networks of all folds into one file, halved in precision, and their card."""
    out.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{fold}.{name}": tensor.half()
        for fold, part in enumerate(parts)
        for name, tensor in load_file(part).items()
    }
    weights = out / f"{NAME}.safetensors"
    save_file(tensors, weights)
    card = {
        "name": "vision-artefact-network",
        "file": weights.name,
        "sha256": file_digest(weights),
        "command": "python -m layers.vision.training.fit_network --data ../shared/data/face",
        "started_from": f"{PACKAGE} 0.1.0 (EfficientNet-Lite0, ImageNet, Apache-2.0)",
        "licence": "Apache-2.0 (weights); fitted on recordings under research or unclear licences",
        "contract": "RGB 224x224 in 0-1, face 150 px wide at most; 14x14 logits and one logit, "
        "higher = blended or generated",
        "reported": "docs/vision.md",
        "seed": SEED,
        "cycles": [list(cycle) for cycle in CYCLES],
        "folds": N_FOLDS,
        "data_sha256": data,
        "limits": "394 photos and 44 videos, mostly one face-swap family; refit on your own "
        "recordings",
    }
    (out / f"{NAME}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
