"""From the cosine of two voiceprints to a similarity of 0-100, calibrated on real speakers."""

from __future__ import annotations

from math import exp, isfinite, log

import numpy as np

from layers.capture.types import FloatArray
from verdict.policy import Policy

# Where the contract cuts: from here on the same person, from here on inconclusive.
SAME_PCT = 75.0
UNCLEAR_PCT = 55.0
_LARGEST_ODDS = 500.0  # beyond it the exponential has no double, and the answer no more decimals


def cosine(one: FloatArray, other: FloatArray) -> float:
    """Return the cosine of two voiceprints of the same encoder.

    Raises
    ------
    ValueError
        When their sizes differ: they come from different encoders.
    """
    if one.shape != other.shape or one.ndim != 1:
        msg = (
            f"voiceprints of different encoders: shapes {one.shape} and {other.shape}; enrol again"
        )
        raise ValueError(msg)
    length = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return float(np.clip(float(one @ other) / length, -1.0, 1.0)) if length > 0 else 0.0


def similarity_pct(score: float, same_score: float, unclear_score: float) -> float:
    """Return the similarity of a cosine, with one decimal: what the decisions compare.

    Parameters
    ----------
    score
        Cosine of two voiceprints.
    same_score, unclear_score
        The cosines that were chosen on data for 75 and 55.

    Returns
    -------
    float
        ``100 sigmoid(logit(0.55) + (score - unclear) (logit(0.75) - logit(0.55)) / (same -
        unclear))``: strictly growing, 55 and 75 at the chosen cosines.

    Raises
    ------
    ValueError
        When the chosen cosines are not in that order, or a number is not finite.
    """
    if not all(map(isfinite, (score, same_score, unclear_score))) or same_score <= unclear_score:
        msg = f"expected finite cosines, {unclear_score!r} below {same_score!r}, got {score!r}"
        raise ValueError(msg)
    low, high = _logit(UNCLEAR_PCT / 100), _logit(SAME_PCT / 100)
    odds = low + (score - unclear_score) * (high - low) / (same_score - unclear_score)
    bounded = max(-_LARGEST_ODDS, min(_LARGEST_ODDS, odds))
    return round(100 / (1 + exp(-bounded)), 1)


def similarity_by(policy: Policy, encoder: str, score: float) -> float:
    """Return the similarity of a cosine of this encoder's embeddings, 0-100."""
    return similarity_pct(
        score,
        policy.number(f"speaker.{encoder}.same_score"),
        policy.number(f"speaker.{encoder}.unclear_score"),
    )


def _logit(share: float) -> float:
    return log(share / (1 - share))
