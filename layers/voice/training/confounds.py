"""How far the label, and our score, follow the channel: one command, markdown or JSON.

python -m layers.voice.training.confounds --data ../shared/data/voice [--json]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats

from layers.voice.detector.embedded import WEIGHTS, EmbeddedDetector
from layers.voice.protocol import SpeechDetector
from layers.voice.training.association import (
    combined_separation,
    rank_correlation,
    separation,
)
from layers.voice.training.augment import Wave
from layers.voice.training.channel import changes, channel_measures
from layers.voice.training.confound_tables import markdown
from layers.voice.training.data import Row, load_waveform, read_manifest
from layers.voice.training.recording import score_wave

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measured:
    """The clips of a split that could be scored: labels, scores, channel measures."""

    waves: tuple[Wave, ...]
    real: Flags
    paired: Flags
    scores: Floats
    measures: dict[str, Floats]
    unscored: int


def measure(folder: Path, rows: Sequence[Row], detector: SpeechDetector) -> Measured:
    """Decode, measure and score every row."""
    waves = [load_waveform(folder / row.path) for row in rows]
    scores = [score_wave(wave, detector) for wave in waves]
    kept = [index for index, score in enumerate(scores) if score is not None]
    found = [channel_measures(waves[index]) for index in kept]
    return Measured(
        waves=tuple(waves[index] for index in kept),
        real=np.array([rows[index].bonafide for index in kept]),
        paired=np.array([rows[index].paired for index in kept]),
        scores=np.array([scores[index] for index in kept], dtype=np.float64),
        measures={name: np.array([one[name] for one in found]) for name in found[0]},
        unscored=len(rows) - len(kept),
    )


def label_separation(clips: Measured, chosen: Flags) -> Report:
    """Area under the ROC of each measure, of all together, and of our score."""
    real = clips.real[chosen]
    table = np.stack([values[chosen] for values in clips.measures.values()], axis=1)
    report: Report = {
        "n": [int(real.sum()), int((~real).sum())],
        "single": {
            name: separation(values[chosen], real).as_list()
            for name, values in clips.measures.items()
        },
        "all_together": combined_separation(table, real).as_list(),
        "our_score": separation(clips.scores[chosen], real).as_list(),
    }
    return report


def score_follows(clips: Measured) -> Report:
    """Rank correlation of our score with each measure, within each class."""
    return {
        label: {
            name: rank_correlation(clips.scores[chosen], values[chosen]).as_list()
            for name, values in clips.measures.items()
        }
        for label, chosen in (("bonafide", clips.real), ("synthetic", ~clips.real))
    }


def score_shifts(clips: Measured, every: int, detector: SpeechDetector) -> Report:
    """Shift of the score of each class when only the channel changes."""
    chosen = range(0, len(clips.waves), every)
    before = clips.scores[::every]
    report: Report = {
        "n": [int(clips.real[::every].sum()), int((~clips.real[::every]).sum())],
        "score_sd": round(float(before.std()), 3),
    }
    rows: Report = {}
    for name, change in changes().items():
        after = [score_wave(change(clips.waves[index]), detector) for index in chosen]
        there = np.array([score is not None for score in after])
        shift = np.array([score for score in after if score is not None]) - before[there]
        real = clips.real[::every][there]
        rows[name] = {
            "bonafide_mean": round(float(shift[real].mean()), 3),
            "synthetic_mean": round(float(shift[~real].mean()), 3),
            "shift_sd": round(float(shift.std()), 3),
            "rank_correlation": round(
                float(stats.spearmanr(before[there], before[there] + shift).statistic), 3
            ),
            "unscored": int((~there).sum()),
        }
        sys.stderr.write(f"  {name}\n")
    report["changes"] = rows
    return report


def split_report(folder: Path, split: str, every: int, detector: SpeechDetector) -> Report:
    """All tables of one split."""
    rows = [row for row in read_manifest(folder) if row.split == split]
    sys.stderr.write(f"{split}: {len(rows)} clips\n")
    clips = measure(folder, rows, detector)
    return {
        "unscored": clips.unscored,
        "label_auc": label_separation(clips, np.ones(len(clips.real), dtype=np.bool_)),
        "label_auc_paired": label_separation(clips, clips.paired),
        "score_correlation": score_follows(clips),
        "score_shift": score_shifts(clips, every, detector),
    }


def main() -> None:
    """Print the report of each split."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of manifest.csv")
    parser.add_argument("--splits", nargs="+", default=["dev", "test"])
    parser.add_argument("--every", type=int, default=3, help="clip step for the score shifts")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="other than the shipped ones")
    parser.add_argument("--json", action="store_true", help="JSON instead of markdown")
    args = parser.parse_args()
    torch.set_num_threads(1)
    detector = EmbeddedDetector(args.weights)
    report = {
        "detector_sha256": detector.digest,
        "splits": {
            split: split_report(args.data, split, args.every, detector) for split in args.splits
        },
    }
    sys.stdout.write(json.dumps(report, indent=2) if args.json else markdown(report))


if __name__ == "__main__":
    main()
