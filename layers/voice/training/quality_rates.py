"""How often each quality finding fires on real recordings, by source: one command.

python -m layers.voice.training.quality_rates ../shared/data/voice/manifest.csv --split dev
"""

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from layers.capture.errors import MediaError
from layers.capture.load import load_audio_only
from layers.voice.quality import measure_quality, quality_confidence, quality_findings
from layers.voice.training.confound_tables import table
from verdict.error_rates import Rate
from verdict.policy import Policy, load_policy

CODES = ("SPEECH_TOO_SHORT", "AUDIO_NOISY", "AUDIO_CLIPPED", "AUDIO_NARROWBAND")


@dataclass(frozen=True, slots=True)
class Judged:
    """The findings of one recording, and the confidence that its score would have."""

    codes: frozenset[str]
    confidence: float


def real_recordings(manifest: Path, split: str) -> Iterator[tuple[str, Path]]:
    """Source and file of every bona fide row of a split that has sound."""
    with manifest.open(newline="", encoding="utf-8") as handle:
        for record in csv.DictReader(handle):
            silent = record.get("has_audio") == "0" or record["path"].endswith((".jpg", ".png"))
            if record["label"] == "bonafide" and record["split"] == split and not silent:
                yield record.get("source") or "videos", manifest.parent / record["path"]


def judge(path: Path, policy: Policy) -> Judged | None:
    """Measure one recording as the voice layer does; None where nobody speaks in it."""
    audio = load_audio_only(path).audio
    if audio is None or not audio.speech:
        return None
    quality = measure_quality(audio)
    codes = frozenset(one.code for one in quality_findings(quality, policy))
    return Judged(codes, quality_confidence(quality, policy))


def rates_table(judged: Mapping[str, list[Judged]], policy: Policy) -> str:
    """Share of the recordings with each finding, and what is left of the confidence."""
    minimum = policy.number("verdict.minimum_confidence") / 100.0
    head = ["source", "n", *CODES, "median confidence", "below the minimum"]
    rows = []
    for source, found in judged.items():
        confidence = [one.confidence for one in found]
        rows.append(
            (
                source,
                str(len(found)),
                *(_share([code in one.codes for one in found]) for code in CODES),
                f"{np.median(confidence):.2f}",
                _share([value < minimum for value in confidence]),
            )
        )
    return table(head, rows)


def _share(flags: list[bool]) -> str:
    rate = Rate(sum(flags), len(flags))
    low, high = rate.interval
    return f"{100 * rate.value:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def main() -> None:
    """Print the table of one split of each manifest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifests", type=Path, nargs="+", metavar="MANIFEST.csv")
    parser.add_argument("--split", default="dev")
    args = parser.parse_args()
    policy = load_policy()
    judged: dict[str, list[Judged]] = defaultdict(list)
    for manifest in args.manifests:
        for source, path in real_recordings(manifest, args.split):
            try:
                found = judge(path, policy)
            except MediaError as error:
                sys.stderr.write(f"{path.name}: {error}\n")
                continue
            if found is None:
                sys.stderr.write(f"{path.name}: nobody speaks\n")
                continue
            judged[source].append(found)
    everything = [one for found in judged.values() for one in found]
    sys.stdout.write(rates_table({"all": everything, **judged}, policy))


if __name__ == "__main__":
    main()
