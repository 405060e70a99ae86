"""The two numbers of a calibration, fitted to labelled scores, and the error rates they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from verdict.error_rates import Rate, equal_error_rate

TARGET_BPCER = 0.05
# With little overlap between the classes the slope would grow without bound.
_REGULARISATION = 1.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """Slope and operating score of one detector."""

    slope: float
    operating_score: float


@dataclass(frozen=True, slots=True)
class ScoreSet:
    """Raw scores (higher = more bona fide) of labelled recordings that came one way."""

    bonafide: tuple[float, ...]
    attack: tuple[float, ...]

    def figures(self, operating_score: float) -> str:
        """Say the error rates at an operating score, with 95 % intervals."""
        rejected = Rate(sum(score < operating_score for score in self.bonafide), len(self.bonafide))
        passed = Rate(sum(score >= operating_score for score in self.attack), len(self.attack))
        eer = equal_error_rate([-s for s in self.bonafide], [-s for s in self.attack]).value
        return f"BPCER {_percent(rejected)}, APCER {_percent(passed)}, EER {100 * eer:.1f} %"


def fit(bonafide: Sequence[float], attack: Sequence[float]) -> Fitted:
    """Fit slope and operating score to raw scores.

    The slope is a logistic regression with both classes weighted alike; the operating score is
    where at most 5 % of the bona fide scores are rejected.

    Raises
    ------
    ValueError
        When a class is empty, or the scores tell attacks from bona fide the wrong way round.
    """
    if not bonafide or not attack:
        msg = f"needs both classes, got {len(bonafide)} bona fide and {len(attack)} attacks"
        raise ValueError(msg)
    scores = np.array([*bonafide, *attack], dtype=np.float64)
    is_attack = np.array([0] * len(bonafide) + [1] * len(attack))
    # The regularisation would depend on the scale of the score: fit on scores of unit spread.
    spread = float(scores.std()) or 1.0
    model = LogisticRegression(class_weight="balanced", C=_REGULARISATION)
    model.fit(scores[:, None] / spread, is_attack)
    slope = -float(model.coef_[0, 0]) / spread
    if slope <= 0:
        msg = "attacks score higher than bona fide recordings: the sign of the score is wrong"
        raise ValueError(msg)
    ordered = np.sort(np.asarray(bonafide, dtype=np.float64))
    spared = int(TARGET_BPCER * len(ordered))
    below = ordered[max(spared - 1, 0)]
    return Fitted(round(slope, 4), round(float((below + ordered[spared]) / 2), 4))


def _percent(rate: Rate) -> str:
    low, high = rate.interval
    return f"{100 * rate.value:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
