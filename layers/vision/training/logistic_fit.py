"""A logistic model whose weights keep their sign, fitted by bounded quasi-Newton steps."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from layers.capture.types import BoolArray, FloatArray


def fit_signed(
    standard: FloatArray, attack: BoolArray, share: FloatArray, signs: FloatArray, penalty: float
) -> FloatArray:
    """Weights that minimise the weighted logistic loss plus an L2 penalty, each with its sign.

    Parameters
    ----------
    standard
        (N, F) features, 0 = bona fide median.
    attack
        (N,) labels.
    share
        (N,) weight of each row, summing to 1.
    signs
        (F,) +1 where the feature grows with the artefact, -1 where it falls.
    penalty
        Weight of half the squared length of the weights.

    Returns
    -------
    (F,) signed weights. The intercept is fitted but not returned: calibration sets its own.
    """
    oriented = standard * signs
    target = attack.astype(float)

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        z = oriented @ theta[1:] + theta[0]
        p = 0.5 * (1 + np.tanh(z / 2))
        cost = np.sum(share * (np.logaddexp(0, z) - target * z))
        slope = share * (p - target)
        gradient = np.r_[slope.sum(), oriented.T @ slope + penalty * theta[1:]]
        return float(cost + 0.5 * penalty * theta[1:] @ theta[1:]), gradient

    start = np.zeros(oriented.shape[1] + 1)
    bounds = [(None, None), *[(0.0, None)] * oriented.shape[1]]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    weights: FloatArray = found.x[1:] * signs
    return weights


def calibrate(
    raw: FloatArray, attack: BoolArray, share: FloatArray, rejected: float, p_at: float
) -> tuple[float, float, float]:
    """Slope and offset that put the operating point where the policy wants it.

    The operating point is the score that the share `rejected` of further bona fide clips is
    expected to exceed (Weibull plotting positions); there p = `p_at`. The slope is the maximum-likelihood one under that
    constraint.

    Returns
    -------
    slope, offset, operating point
    """
    edge = float(np.quantile(raw[~attack], 1 - rejected, method="weibull"))
    level = float(np.log(p_at / (1 - p_at)))

    def loss(log_slope: FloatArray) -> float:
        z = np.exp(log_slope[0]) * (raw - edge) + level
        return float(np.sum(share * (np.logaddexp(0, z) - attack * z)))

    found = minimize(loss, np.zeros(1), method="Nelder-Mead", options={"xatol": 1e-6})
    slope = float(np.exp(found.x[0]))
    return slope, level - slope * edge, edge
