"""A logistic model whose weights are never negative, and its calibration to an operating point."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.stats import nct, norm

from layers.capture.types import BoolArray, FloatArray


def fit_weights(
    towards: FloatArray, attack: BoolArray, share: FloatArray, prior: float, penalty: float
) -> FloatArray:
    """Weights, none negative, of least weighted logistic loss plus an L2 pull to a common weight.

    Few clips can't tell ten weights apart; pulled to one another they rank people never seen
    better than free ones (Dawes, "The robust beauty of improper linear models", 1979).

    Parameters
    ----------
    towards
        (N, F) standardised features, positive towards the artefact.
    attack
        (N,) labels.
    share
        (N,) weight of each row, summing to 1.
    prior, penalty
        The common weight, and the weight of half the squared distance to it.

    Returns
    -------
    (F,) weights. The intercept is fitted but not returned: calibration sets its own.
    """
    target = attack.astype(float)

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        z = towards @ theta[1:] + theta[0]
        p = 0.5 * (1 + np.tanh(z / 2))
        away = theta[1:] - prior
        slope = share * (p - target)
        cost = np.sum(share * (np.logaddexp(0, z) - target * z)) + 0.5 * penalty * away @ away
        return float(cost), np.r_[slope.sum(), towards.T @ slope + penalty * away]

    start = np.r_[0.0, np.full(towards.shape[1], prior)]
    bounds = [(None, None), *[(0.0, None)] * towards.shape[1]]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    weights: FloatArray = found.x[1:]
    return weights


def tolerance_limit(scores: FloatArray, people: int, share: float, certainty: float) -> float:
    """Return the score below which `share` of all real people lie, with `certainty`.

    A quantile of a few dozen recordings is exceeded by more people than it says about every
    second time; this limit once in four at a certainty of 0.75.

    Parameters
    ----------
    people
        How many of the scores are independent: copies of a recording add none.

    References
    ----------
    ISO 16269-6:2014, one-sided normal tolerance limit with unknown mean and spread.
    """
    factor = nct.ppf(certainty, people - 1, np.sqrt(people) * norm.ppf(share)) / np.sqrt(people)
    return float(scores.mean() + factor * scores.std(ddof=1))


def calibrate(
    raw: FloatArray, attack: BoolArray, share: FloatArray, edge: float, p_at: float
) -> tuple[float, float]:
    """Slope and offset that put p = `p_at` on the operating point `edge`.

    The slope is the maximum-likelihood one under that constraint.

    Returns
    -------
    slope, offset
    """
    level = float(np.log(p_at / (1 - p_at)))

    def loss(log_slope: FloatArray) -> float:
        z = np.exp(log_slope[0]) * (raw - edge) + level
        return float(np.sum(share * (np.logaddexp(0, z) - attack * z)))

    found = minimize(loss, np.zeros(1), method="Nelder-Mead", options={"xatol": 1e-6})
    slope = float(np.exp(found.x[0]))
    return slope, level - slope * edge
