"""How well a measure separates two classes, or follows another, each with its 95 % interval."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from verdict.error_rates import auc

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_RESAMPLES = 500
_FOLDS = 5
_REPEATS = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def as_list(self) -> list[float]:
        """Value, low and high, rounded for a report."""
        return [round(one, 3) for one in (self.value, self.low, self.high)]


def separation(values: Floats, real: Flags) -> Figure:
    """Area under the ROC of one measure, turned to 0.5-1: 0.5 tells nothing.

    The side is chosen on the same clips, so a measure without any value lies a little above 0.5;
    read the interval, which is a bootstrap over clips.
    """
    sign = 1.0 if auc(values[real], values[~real]) >= 0.5 else -1.0
    return _with_interval(sign * values, real)


def combined_separation(table: Floats, real: Flags) -> Figure:
    """Area under the ROC of a logistic regression of all measures on clips it was not fitted on.

    Five folds, four times over with fixed seeds; the mean of a clip's four log-odds counts. Clips
    of one source lie in several folds: this is what can be learnt of the label from this
    collection's channels, not what would carry over to another.
    """
    model = make_pipeline(
        QuantileTransformer(n_quantiles=min(50, len(table) // 2), output_distribution="normal"),
        LogisticRegression(C=0.3, class_weight="balanced", max_iter=1_000),
    )
    odds = np.mean(
        [
            cross_val_predict(
                model,
                table,
                ~real,
                cv=StratifiedKFold(_FOLDS, shuffle=True, random_state=seed),
                method="decision_function",
            )
            for seed in range(_REPEATS)
        ],
        axis=0,
    )
    return _with_interval(odds, real)


def rank_correlation(one: Floats, other: Floats) -> Figure:
    """Spearman's correlation, its interval by Fisher's transform (Bonett and Wright 2000)."""
    if np.ptp(one) == 0.0 or np.ptp(other) == 0.0:
        return Figure(0.0, 0.0, 0.0)
    found = float(stats.spearmanr(one, other).statistic)
    width = 1.96 * np.sqrt((1.0 + found**2 / 2.0) / max(1, len(one) - 3))
    middle = np.arctanh(np.clip(found, -0.9999, 0.9999))
    return Figure(found, float(np.tanh(middle - width)), float(np.tanh(middle + width)))


def _with_interval(values: Floats, real: Flags) -> Figure:
    """Area under the ROC, higher being the attacks, with a bootstrap over clips."""
    rng = np.random.default_rng(0)
    genuine, attacks = values[real], values[~real]
    drawn = [
        auc(rng.choice(genuine, len(genuine)), rng.choice(attacks, len(attacks)))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return Figure(auc(genuine, attacks), float(low), float(high))
