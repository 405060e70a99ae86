"""What every signal returns: the wire signal and the features that the learned risk reads."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from layers.capture.types import BoolArray, FloatArray
from verdict.evidence import SignalCode, SignalResult
from verdict.measurement import Measurement
from verdict.policy import Policy

Features = Mapping[str, float | None]

# Detail below a twentieth of a lightness step is quantisation, not texture.
DETAIL_FLOOR = 0.05
# Every source of risk is calibrated so that its operating point falls on the policy's 70.
P_AT_THRESHOLD = 0.70


@dataclass(frozen=True, slots=True)
class Reading:
    """One signal with its features (None where not measurable)."""

    signal: SignalResult
    features: Features = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Strength:
    """How strongly an artefact shows, before the operating point is applied.

    Parameters
    ----------
    value
        Grows with the artefact; None when not measurable, then `reason` says why.
    """

    name: str
    value: float | None
    frames: tuple[int, ...] = ()
    reason: str = ""


def judge(
    code: SignalCode,
    strength: Strength,
    policy: Policy,
    *,
    region: str,
    extra: tuple[Measurement, ...] = (),
    features: Features | None = None,
) -> Reading:
    """Apply the operating point of the policy to one strength.

    The policy holds `vision.<signal>.threshold` (fires at or above it) and
    `vision.<signal>.spread` (how far beyond it the probability moves from 1/2 to 3/4, roughly).
    """
    area = f"vision.{code.value.lower()}"
    threshold = policy.number(f"{area}.threshold")
    spread = policy.number(f"{area}.spread")
    value = strength.value
    main = Measurement(strength.name, value, threshold, strength.frames, strength.reason)
    p_attack = None if value is None else logistic((value - threshold) / spread)
    signal = SignalResult(
        code=code,
        fired=value is not None and value >= threshold,
        p_attack=p_attack,
        measurements=(main, *extra),
        frames=strength.frames,
        region=region,
        reason=strength.reason,
    )
    return Reading(signal, features or {})


def logistic(x: float) -> float:
    """1 / (1 + exp(-x)) without overflow."""
    return 0.5 * (1.0 + math.tanh(0.5 * x))


def detail_energy(band: FloatArray, mask: BoolArray) -> float | None:
    """Mean absolute detail within `mask`, without its strongest 15 % (glints, stray edges)."""
    values = np.abs(band[mask])
    if len(values) < 40:
        return None
    kept = np.sort(values)[: int(0.85 * len(values))]
    return float(kept.mean())


def log2_ratio(over: float | None, under: float | None) -> float | None:
    """log2 of a ratio of detail energies; None when one is missing."""
    if over is None or under is None:
        return None
    return math.log2((over + DETAIL_FLOOR) / (under + DETAIL_FLOOR))


def middle(values: Iterable[float | None]) -> float | None:
    """Median of the finite values, None without any."""
    kept = [value for value in values if value is not None and math.isfinite(value)]
    return float(np.median(kept)) if kept else None


def finite(features: Features) -> dict[str, float | None]:
    """The same features with NaN and infinities as None."""
    return {
        name: value if value is not None and math.isfinite(value) else None
        for name, value in features.items()
    }
