"""What the challenge asked and when, and how densely the frames follow one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layers.capture.types import Capture, FaceTrack, FloatArray, IntArray, Step
from verdict.policy import Policy


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the frames follow one another.

    Parameters
    ----------
    interval_s
        Median time between two frames; NaN with fewer than two.
    dense
        True when motion can be followed from frame to frame; False for a handful of pictures.
    """

    interval_s: float
    dense: bool


def sampling_of(track: FaceTrack, policy: Policy) -> Sampling:
    """Return how densely a track is sampled."""
    steps = np.diff(np.sort(track.t_s))
    if not len(steps):
        return Sampling(float("nan"), False)
    interval_s = float(np.median(steps))
    enough = len(track) >= policy.number("liveness.sampling.dense_frames")
    return Sampling(
        interval_s, enough and interval_s <= policy.number("liveness.sampling.dense_gap_s")
    )


def frames_of(capture: Capture, step: Step) -> IntArray | None:
    """Return the frames in which `step` has to be seen: None for anywhere in the capture.

    None where the step was not asked for; empty where it was and no frame belongs to it.
    """
    own = capture.track.at_step(step)
    asked = step in capture.challenge.steps or len(own) > 0
    return own.astype(np.int32) if asked else None


def step_fault(capture: Capture, step: Step, policy: Policy) -> str:
    """Return why the frames of `step` can't be what its prompt asked for, or nothing.

    They have to be taken between the prompt for the step and the prompt for the next, give or
    take the time a page needs to change.
    """
    rows = frames_of(capture, step)
    if rows is None:
        return ""
    name = str(step).replace("_", " ")
    if not len(rows):
        return f"no frame was taken while '{name}' was asked for"
    windows = _windows(capture, step)
    if not windows:
        return ""
    slack_s = policy.number("liveness.steps.slack_s")
    t_s = capture.track.t_s[rows]
    inside = np.zeros(len(rows), dtype=bool)
    for start_s, end_s in windows:
        inside |= (t_s >= start_s - slack_s) & (t_s <= end_s + slack_s)
    if inside.all():
        return ""
    return f"{int((~inside).sum())} frames of '{name}' lie outside the time it was asked for"


def reaction_s(capture: Capture, step: Step, row: int) -> float | None:
    """Return the seconds from the prompt for `step` to frame `row`; None without such a prompt."""
    t_s = float(capture.track.t_s[row])
    starts = [start_s for start_s, _ in _windows(capture, step)]
    if not starts:
        return None
    begun = [start_s for start_s in starts if start_s <= t_s]
    return t_s - max(begun, default=min(starts))


def corrected_ear(track: FaceTrack) -> FloatArray:
    """Return the EAR of both eyes as it would be face on, float32 (T, 2).

    Turning the head narrows the eye in the picture by the cosine of the yaw and leaves its height.
    """
    yaw = np.radians(track.yaw_deg)
    corrected: FloatArray = (track.ear * np.cos(yaw)[:, None]).astype(np.float32)
    return corrected


def _windows(capture: Capture, step: Step) -> list[tuple[float, float]]:
    prompts = sorted(capture.challenge.prompts, key=lambda prompt: prompt.t_s)
    ends = [*(prompt.t_s for prompt in prompts), float("inf")][1:]
    return [
        (prompt.t_s, end_s)
        for prompt, end_s in zip(prompts, ends, strict=True)
        if prompt.step is step
    ]
