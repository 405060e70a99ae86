"""Blinks and pose behind glasses, hair, hands and on tilted heads: drawn, then tracked again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from layers.capture.types import Capture
from layers.liveness.blink import check_blink
from layers.liveness.landmarks import check_landmarks
from layers.liveness.lids import relative_opening
from layers.liveness.measurements.alterations import DISTURBANCES, Alteration, altered
from layers.liveness.measurements.clips import Clip
from layers.liveness.measurements.table import Table, Tally
from layers.liveness.measurements.tracks import interval_of
from layers.liveness.steps import sampling_of
from verdict.policy import Policy

_FPS = 15.0
_AROUND_S = 1.6
# The pose of a disturbed face may lie this far from that of the same face untouched.
_POSE_DEG = 6.0


def disturbed(
    clips: Iterable[Clip], policy: Policy, how: Mapping[str, Alteration] = DISTURBANCES
) -> Table:
    """Return how often the blink of a real clip is lost, and its pose is off, when disturbed."""
    tally = Tally()
    kept = [clip for clip in clips if clip.bonafide and clip.blinks]
    for name, alteration in how.items():
        for clip in kept:
            rows = rows_around_blink(clip.capture, policy)
            seen = altered(clip.path, clip.capture, alteration, policy, rows)
            note(tally, name, clip, seen, rows, policy)
    return tally.table("Real blinks, disturbed and tracked again at 15 frames/s")


def rows_around_blink(capture: Capture, policy: Policy) -> list[int]:
    """Return the frames around the deepest blink, about 15 a second, it among them."""
    track = capture.track
    opening, _ = relative_opening(capture, sampling_of(track, policy), policy)
    lowest = int(np.nanargmin(opening))
    stride = max(1, round(1.0 / (_FPS * interval_of(track))))
    rows = np.arange(lowest % stride, len(track), stride)
    near = np.abs(track.t_s[rows] - track.t_s[lowest]) <= _AROUND_S
    return [int(row) for row in rows[near]]


def note(
    tally: Tally, name: str, clip: Clip, seen: Capture, rows: list[int], policy: Policy
) -> None:
    """Note what a disturbed clip fails: face, blink, or the pose it had untouched."""
    checks = (check_landmarks(seen, policy), check_blink(seen, policy))
    failed = [str(check.name) for check in checks if not check.passed]
    tally.add(name, clip.person, failed)
    off = np.abs(seen.track.yaw_deg - clip.capture.track.yaw_deg[rows[: len(seen.track)]])
    wrong = np.isfinite(off).any() and float(np.nanmedian(off)) > _POSE_DEG
    tally.add(f"{name}: yaw off by more than 6 degrees", clip.person, ["yaw"] if wrong else ())
