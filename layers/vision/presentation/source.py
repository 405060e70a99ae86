"""The source of risk `presentation`: the stronger of its cues, each at its own operating point."""

from __future__ import annotations

import math

from layers.capture.types import Capture
from layers.vision.presentation import moire, plane
from layers.vision.presentation.cue import Cue
from layers.vision.reading import P_AT_THRESHOLD, logistic
from verdict.evidence import RiskSource
from verdict.measurement import Measurement
from verdict.policy import Policy

NAME = "presentation"
_AT_THRESHOLD = math.log(P_AT_THRESHOLD / (1.0 - P_AT_THRESHOLD))


def measure(capture: Capture) -> tuple[Cue, ...]:
    """Every cue, also those that could not be measured."""
    return moire.measure(capture), plane.measure(capture)


def risk_source(capture: Capture, policy: Policy) -> RiskSource | None:
    """The cues with their thresholds; None when none could be measured."""
    cues = measure(capture)
    risks = [p_attack(cue, policy) for cue in cues]
    known = [risk for risk in risks if risk is not None]
    if not known:
        return None
    measurements = tuple(
        Measurement(
            cue.name,
            cue.value,
            policy.number(f"vision.presentation.{cue.name}.threshold"),
            cue.frames,
            cue.note if cue.value is not None else f"not measured: {cue.note}",
        )
        for cue in cues
    )
    return RiskSource(NAME, max(known), measurements)


def p_attack(cue: Cue, policy: Policy) -> float | None:
    """Calibrated probability of one cue: 0.70 at its threshold; None when not measured."""
    if cue.value is None:
        return None
    area = f"vision.presentation.{cue.name}"
    spread = policy.number(f"{area}.spread")
    return logistic((cue.value - policy.number(f"{area}.threshold")) / spread + _AT_THRESHOLD)
