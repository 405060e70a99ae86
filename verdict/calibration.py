"""From a raw score to a probability: the only place where the sign turns."""

from __future__ import annotations

from math import exp, isfinite, log


def logistic_at(score: float, slope: float, operating_score: float, operating_p: float) -> float:
    """Return `p_attack` of a raw score, with the operating point on a chosen probability.

    Parameters
    ----------
    score
        Raw score, higher = more bona fide.
    slope
        Log-odds per unit of score, positive.
    operating_score
        The score that was chosen on data.
    operating_p
        Where it falls: the policy's threshold as a probability, within (0, 1).

    Returns
    -------
    float
        ``sigmoid(logit(operating_p) + slope * (operating_score - score))``

    Raises
    ------
    ValueError
        When the slope is not positive, the probability not within (0, 1) or a number not finite.
    """
    if not (isfinite(score) and isfinite(operating_score)):
        msg = f"expected finite scores, got {score!r} and {operating_score!r}"
        raise ValueError(msg)
    if not (slope > 0 and isfinite(slope)):
        msg = f"the slope must be positive, got {slope!r}"
        raise ValueError(msg)
    if not 0 < operating_p < 1:
        msg = f"the operating probability must lie within (0, 1), got {operating_p!r}"
        raise ValueError(msg)
    log_odds = log(operating_p / (1 - operating_p)) + slope * (operating_score - score)
    if log_odds < 0:
        odds = exp(log_odds)
        return odds / (1 + odds)
    return 1 / (1 + exp(-log_odds))
