"""Scores of recordings and the error rates that the model card reports."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from layers.voice.detector.embedded import EmbeddedDetector
from layers.voice.training.data import Row, load_waveform

Scores = npt.NDArray[np.float64]
_RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class Eer:
    """Equal error rate in percent with a 95 % bootstrap interval over recordings."""

    percent: float
    low: float
    high: float
    n_bonafide: int
    n_attack: int

    def as_dict(self) -> dict[str, float | int]:
        """Return the figures for the model card."""
        return {
            "eer_percent": round(self.percent, 2),
            "low": round(self.low, 2),
            "high": round(self.high, 2),
            "n_bonafide": self.n_bonafide,
            "n_attack": self.n_attack,
        }


def equal_error(bonafide: Scores, attack: Scores) -> float:
    """Equal error rate in percent; scores are higher for bona fide."""
    points = np.unique(np.concatenate((bonafide, attack)))
    rejected = np.searchsorted(np.sort(bonafide), points, side="left") / len(bonafide)
    accepted = 1.0 - np.searchsorted(np.sort(attack), points, side="left") / len(attack)
    nearest = int(np.argmin(np.abs(rejected - accepted)))
    return 50.0 * float(rejected[nearest] + accepted[nearest])


def eer_with_interval(scores: Scores, bonafide: npt.NDArray[np.bool_], seed: int = 0) -> Eer:
    """Equal error rate with a 95 % interval from resampling each class."""
    real, fake = scores[bonafide], scores[~bonafide]
    rng = np.random.default_rng(seed)
    drawn = [
        equal_error(rng.choice(real, len(real)), rng.choice(fake, len(fake)))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Eer(equal_error(real, fake), float(low), float(high), len(real), len(fake))


def score_rows(folder: Path, rows: Sequence[Row], detector: EmbeddedDetector) -> Scores:
    """Score whole recordings as the engine does."""
    return np.array([detector.score(load_waveform(folder / row.path)) for row in rows])


def write_scores(path: Path, rows: Sequence[Row], scores: Scores) -> None:
    """Write one line per recording: path, label, generator, source, score."""
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(("path", "label", "generator", "source", "score"))
        for row, score in zip(rows, scores, strict=True):
            label = "bonafide" if row.bonafide else "synthetic"
            writer.writerow((row.path, label, row.generator, row.source, f"{score:.6f}"))
