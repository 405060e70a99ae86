"""blink_detection: both eyes close, measured against the person's own open eyes, and open again.

How far the lids are open is `lids`; here is what counts: in its step, after a reaction that a
person can have, on frames that belong between their neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layers.capture.types import Capture, FloatArray, IntArray, Step
from layers.liveness.lids import (
    Closure,
    closed_below,
    closures_of,
    relative_opening,
    sparse_closures,
)
from layers.liveness.splice import belongs_between
from layers.liveness.steps import Sampling, frames_of, reaction_s, sampling_of, step_fault
from verdict.evidence import CheckName, CheckResult
from verdict.measurement import Measurement
from verdict.policy import Policy


@dataclass(frozen=True, slots=True)
class _Sorted:
    """The closings of the step: those that count, and those that can't be this person's answer."""

    own: list[Closure]
    early: list[Closure]
    spliced: list[Closure]

    @property
    def best(self) -> Closure | None:
        """The deepest that counts."""
        return min(self.own, key=lambda one: one.ratio, default=None)


def check_blink(capture: Capture, policy: Policy) -> CheckResult:
    """Return whether a real blink was seen: in its step, or anywhere where none was asked for."""
    track = capture.track
    sampling = sampling_of(track, policy)
    wanted = frames_of(capture, Step.BLINK)
    opening, baseline = relative_opening(capture, sampling, policy)
    if sampling.dense:
        closures = closures_of(opening, track.t_s, sampling.interval_s, policy)
    else:
        closures = sparse_closures(opening, policy)
    allowed = range(len(track)) if wanted is None else wanted
    found = _sorted(capture, [one for one in closures if one.lowest in allowed], sampling, policy)
    limit = closed_below(sampling.interval_s if sampling.dense else float("nan"), policy)
    lowest = _lowest(opening, allowed)
    reason = step_fault(capture, Step.BLINK, policy) or _reason(found, lowest, limit)
    best = found.best
    frames = () if best is None else tuple(range(best.start, best.end + 1))
    return CheckResult(
        name=CheckName.BLINK_DETECTION,
        passed=not reason,
        measurements=(
            Measurement(
                "eye_opening_ratio",
                best.ratio if best is not None else lowest,
                limit,
                frames,
                "opening of the wider eye over its opening when open; a blink goes below",
            ),
            Measurement("blinks", float(len(found.own)), 1.0),
            Measurement("open_ear_image_left", _number(baseline[0])),
            Measurement("open_ear_image_right", _number(baseline[1])),
            *_reaction(capture, found, sampling, policy),
        ),
        frames=frames,
        reason=reason,
    )


def _sorted(
    capture: Capture, closures: list[Closure], sampling: Sampling, policy: Policy
) -> _Sorted:
    if not sampling.dense:
        return _Sorted(closures, [], [])
    least_s = policy.number("liveness.steps.fastest_action_s")
    own, early, spliced = [], [], []
    for one in closures:
        took_s = reaction_s(capture, Step.BLINK, one.lowest)
        if took_s is not None and took_s < least_s:
            early.append(one)
        elif one.end - one.start == 2 and not belongs_between(  # of one frame only
            capture.track, one.lowest, sampling, policy
        ):
            spliced.append(one)
        else:
            own.append(one)
    return _Sorted(own, early, spliced)


def _reaction(
    capture: Capture, found: _Sorted, sampling: Sampling, policy: Policy
) -> tuple[Measurement, ...]:
    """Return how long after its prompt the first blink came, where one was prompted."""
    first = min(found.own or found.early, key=lambda one: one.lowest, default=None)
    if first is None or not sampling.dense:
        return ()
    took_s = reaction_s(capture, Step.BLINK, first.lowest)
    if took_s is None:
        return ()
    least_s = policy.number("liveness.steps.fastest_action_s")
    note = "from the prompt to the first closing; nobody is faster than the threshold"
    return (Measurement("blink_reaction_s", took_s, least_s, (first.lowest,), note),)


def _reason(found: _Sorted, lowest: float | None, limit: float) -> str:
    if found.own:
        return ""
    if found.spliced:
        return "the frame with closed eyes does not belong between its neighbours"
    if found.early:
        return "the only blink came before anyone could have reacted to the prompt"
    if lowest is None:
        return "the eyes could not be measured: no face, or turned away"
    if lowest < limit:
        return "the eyes were closed, but not between two moments of open eyes as in a blink"
    return f"the eyes never closed: the wider one stayed at {lowest:.0%} of its opening or more"


def _lowest(opening: FloatArray, allowed: range | IntArray) -> float | None:
    values = opening[list(allowed)]
    return float(np.nanmin(values)) if np.isfinite(values).any() else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
