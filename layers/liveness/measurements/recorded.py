"""Each check on the clips as they were recorded, by what their frames show."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from layers.capture.types import Capture
from layers.liveness.analyse import analyse
from layers.liveness.head_movement import yaw_from_neutral
from layers.liveness.measurements.clips import Clip
from layers.liveness.measurements.table import Table, Tally
from layers.liveness.steps import sampling_of
from verdict.evidence import CheckName
from verdict.policy import Policy

# A side was turned to when the head went well beyond what is asked, not when it got near.
_TURNED_DEG = 14.0
_NOT_TURNED_DEG = 10.0


def checks_as_recorded(clips: Iterable[Clip], policy: Policy) -> Table:
    """Return how often each check rejects, for clips that contain its action and that lack it."""
    tally = Tally()
    for clip in clips:
        group = "bona fide" if clip.bonafide else "attacks"
        failed = {c.name for c in analyse(clip.capture, policy).checks if not c.passed}
        for name, acted in (
            (CheckName.LANDMARK_DETECTION, ""),
            (CheckName.FRAME_TIMING, ""),
            (CheckName.BLINK_DETECTION, _said(clip.blinks, "blink")),
            (CheckName.HEAD_MOVEMENT, _said(_turns(clip.capture, policy), "both turns")),
        ):
            what = f"{group}: {name}{acted}"
            tally.add(what, clip.person, [str(name)] if name in failed else ())
    return tally.table("As recorded, no challenge")


def _said(acts: bool | None, action: str) -> str:
    if acts is None:
        return f", {action} in doubt"
    return f", with {action}" if acts else f", without {action}"


def _turns(capture: Capture, policy: Policy) -> bool | None:
    """Return whether the head turned to both sides; None where it only nearly did."""
    yaw, _ = yaw_from_neutral(capture, sampling_of(capture.track, policy), policy)
    if not np.isfinite(yaw).any():
        return False
    least = min(float(np.nanmax(yaw)), -float(np.nanmin(yaw)))
    if least >= _TURNED_DEG:
        return True
    return False if least < _NOT_TURNED_DEG else None
