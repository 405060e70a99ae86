"""From the cosine of two voiceprints to a similarity of 0-100, alike for short and long speech."""

from __future__ import annotations

from math import exp, isfinite, log, sqrt

import numpy as np

from layers.capture.types import FloatArray
from layers.voice.speaker.voiceprint import Voiceprint
from verdict.policy import Policy

# Where the contract cuts: from here on the same person, from here on inconclusive.
SAME_PCT = 75.0
UNCLEAR_PCT = 55.0
_REFERENCE_STRETCHES = 3  # of the recordings of 3 s that the cosines were chosen on
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


def levelled(score: float, stretches: tuple[int, int], shared: float) -> float:
    """Return the cosine that longer recordings would have with three stretches each.

    A mean embedding gets shorter the more its stretches differ, and longer recordings bring any
    two people's mean embeddings closer together: at one cosine, four times as many pairs of
    different people pass with 6 s as with 3 s.

    Parameters
    ----------
    score
        Cosine of two mean embeddings.
    stretches
        How many embeddings each is the mean of.
    shared
        Mean cosine of stretches from two recordings of one person; 1 changes nothing.

    Returns
    -------
    float
        ``score sqrt(f(n) f(m)) / f(3)``, where ``f(n) = shared + (1 - shared) / n`` is the
        expected squared length of a mean of n. Fewer than three stretches count as three: to
        raise the score of short recordings let six times as many different people of 2 s clips
        pass.
    """
    reference = _REFERENCE_STRETCHES
    counted = (max(stretches[0], reference), max(stretches[1], reference), reference)
    one, other, three = (shared + (1 - shared) / n for n in counted)
    return score * sqrt(one * other) / three


def similarity_pct(score: float, same_score: float, unclear_score: float) -> float:
    """Return the similarity of a cosine, with one decimal: what the decisions compare.

    Parameters
    ----------
    score
        Levelled cosine of two voiceprints.
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


def match(one: Voiceprint, other: Voiceprint, policy: Policy) -> tuple[float, float]:
    """Return the levelled cosine and the similarity (0-100) of two voiceprints of one encoder.

    Raises
    ------
    ValueError
        When they come from different encoders.
    """
    if one.digest != other.digest:
        msg = "the voiceprints come from different encoders; enrol again"
        raise ValueError(msg)
    prefix = f"speaker.{one.encoder}"
    score = levelled(
        cosine(one.embedding, other.embedding),
        (one.stretches, other.stretches),
        policy.number(f"{prefix}.shared_score"),
    )
    same, unclear = (policy.number(f"{prefix}.{cut}_score") for cut in ("same", "unclear"))
    return score, similarity_pct(score, same, unclear)


def _logit(share: float) -> float:
    return log(share / (1 - share))
