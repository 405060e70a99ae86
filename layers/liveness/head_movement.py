"""head_movement: turns to the left and to the right, measured from the person's own neutral pose.

Left and right are the applicant's: in an unmirrored picture a turn to the left moves the nose to
the right edge, which is positive yaw. A mirrored capture turns the sign, for both alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter

from layers.capture.types import Capture, FloatArray, Step
from layers.liveness.steps import Sampling, frames_of, reaction_s, sampling_of, step_fault
from verdict.evidence import CheckName, CheckResult
from verdict.measurement import Measurement
from verdict.policy import Policy

# A turn takes longer than three frames at this interval.
_SLIP_S = 0.1
_TURNS = {Step.TURN_LEFT: 1.0, Step.TURN_RIGHT: -1.0}


@dataclass(frozen=True, slots=True)
class Turn:
    """The furthest turn to one side.

    Parameters
    ----------
    degrees, opposite_deg
        From neutral towards that side, and towards the other side in the same frames.
    frame
        Row that shows it.
    reaction_s
        From its prompt until it was far enough; None without a prompt or a turn.
    fault
        Why it does not count, or empty.
    """

    step: Step
    degrees: float
    opposite_deg: float
    frame: int | None
    reaction_s: float | None
    fault: str


def check_head_movement(capture: Capture, policy: Policy) -> CheckResult:
    """Return whether the head was turned to both sides: each in its step where one was asked."""
    sampling = sampling_of(capture.track, policy)
    towards_left, neutral = yaw_from_neutral(capture, sampling, policy)
    needed = policy.number("liveness.turn.least_deg")
    turns = [_turn(capture, towards_left, step, sampling, policy) for step in _TURNS]
    faults = [turn.fault for turn in turns if turn.fault]
    if not faults and not _seen_straight(capture, towards_left, policy):
        faults.append("the head was never seen straight between the turns")
    asked = all(len(capture.track.at_step(step)) for step in _TURNS)
    if asked and all(turn.opposite_deg >= needed > turn.degrees for turn in turns):
        faults.append("both turns went the other way: were the pictures stored as in a mirror?")
    weakest = min(turns, key=lambda turn: turn.degrees)
    frames = tuple(sorted({turn.frame for turn in turns if turn.frame is not None}))
    measured = [
        Measurement(
            f"{turn.step}_deg", turn.degrees, needed, () if turn.frame is None else (turn.frame,)
        )
        for turn in turns
    ]
    return CheckResult(
        name=CheckName.HEAD_MOVEMENT,
        passed=not faults,
        measurements=(
            Measurement("least_turn_deg", weakest.degrees, needed, frames),
            *measured,
            Measurement("neutral_yaw_deg", neutral),
            *_reactions(turns, policy),
        ),
        frames=frames,
        reason="; ".join(faults),
    )


def yaw_from_neutral(
    capture: Capture, sampling: Sampling, policy: Policy
) -> tuple[FloatArray, float | None]:
    """Return yaw towards the person's left from their neutral pose, float32 (T,), and that pose."""
    track = capture.track
    yaw = track.yaw_deg.astype(np.float32).copy()
    known = np.flatnonzero(np.isfinite(yaw))
    if not len(known):
        return yaw, None
    if sampling.interval_s <= _SLIP_S:  # one frame on which the mesh slips is no turn
        yaw[known] = median_filter(yaw[known], size=3, mode="nearest")
    straight = track.at_step(Step.NEUTRAL)
    if not np.isfinite(yaw[straight]).any():
        straight = np.array([row for row in known if track.steps[row] not in _TURNS], dtype=np.intp)
    rows = straight if np.isfinite(yaw[straight]).any() else known
    widest = policy.number("liveness.turn.widest_neutral_deg")
    neutral = float(np.clip(np.nanmedian(yaw[rows]), -widest, widest))
    sign = -1.0 if capture.challenge.mirrored else 1.0
    return (sign * (yaw - neutral)).astype(np.float32), neutral


def _reactions(turns: list[Turn], policy: Policy) -> list[Measurement]:
    """Return how long after its prompt each turn was far enough, where one was prompted."""
    least_s = policy.number("liveness.steps.fastest_action_s")
    note = "from the prompt to the angle asked for; nobody is faster than the threshold"
    return [
        Measurement(f"{turn.step}_reaction_s", turn.reaction_s, least_s, (turn.frame,), note)
        for turn in turns
        if turn.reaction_s is not None and turn.frame is not None
    ]


def _turn(
    capture: Capture, towards_left: FloatArray, step: Step, sampling: Sampling, policy: Policy
) -> Turn:
    """Return the furthest turn to one side, and why it does not count, if it doesn't."""
    needed = policy.number("liveness.turn.least_deg")
    asked = frames_of(capture, step)
    rows = np.arange(len(towards_left)) if asked is None else asked
    rows = rows[np.isfinite(towards_left[rows])]
    name = str(step).replace("_", " ")
    fault = step_fault(capture, step, policy)
    if not len(rows):
        return Turn(step, 0.0, 0.0, None, None, fault or f"'{name}': no face to measure")
    towards = _TURNS[step] * towards_left[rows]
    furthest = int(np.argmax(towards))
    degrees, took_s = float(towards[furthest]), None
    if not fault and degrees < needed:
        fault = f"'{name}': {max(0.0, degrees):.0f} of {needed:.0f} degrees"
    elif asked is not None and sampling.dense and degrees >= needed:
        took_s = reaction_s(capture, step, int(rows[np.flatnonzero(towards >= needed)[0]]))
        least_s = policy.number("liveness.steps.fastest_action_s")
        if not fault and took_s is not None and took_s < least_s:
            fault = f"'{name}': turned before anyone could have reacted to the prompt"
    return Turn(step, degrees, float(-towards.min()), int(rows[furthest]), took_s, fault)


def _seen_straight(capture: Capture, towards_left: FloatArray, policy: Policy) -> bool:
    """Return whether the head is straight somewhere between, or outside, the turns."""
    most = policy.number("liveness.turn.straight_share") * policy.number("liveness.turn.least_deg")
    outside = [row for row, step in enumerate(capture.track.steps) if step not in _TURNS]
    straight = np.abs(towards_left[outside or range(len(towards_left))]) <= most
    return bool(straight.any())
