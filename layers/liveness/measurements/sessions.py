"""Prompted sessions made of what people do in real clips: pieces, put in the order asked for.

No prompted recordings exist. A clip is cut at its own actions: looking ahead, a blink, a turn to
either side; each piece begins a moment before its action. Prompts are then put at the beginnings.
Where somebody turns to one side only, the other turn is the same piece in a mirror; where nobody
turns, both are the piece looking ahead, turned in 3-D. Which of the three it is, is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from layers.capture.types import Capture, FaceTrack, FloatArray, Prompt, Step
from layers.liveness.lids import closures_of, relative_opening
from layers.liveness.measurements.tracks import (
    between,
    interval_of,
    joined,
    mirrored,
    prompted,
    turned,
)
from layers.liveness.steps import sampling_of
from verdict.policy import Policy

ASKED = (Step.BLINK, Step.TURN_LEFT, Step.TURN_RIGHT, Step.SPEAK)
ORDERS = tuple((Step.NEUTRAL, *order) for order in permutations(ASKED))

# A real turn goes this far from where the person usually looks; looking ahead is within a third.
_FAR_DEG = 14.0
_AHEAD_DEG = 5.0
# A piece begins this long before its action and ends this long after: nobody answers at once.
_LEAD_S = 0.6
_TAIL_S = 0.5
_LONGEST_TURN_S = 3.0
_REST_S = 1.2
_REST_DEG = 8.0
_FURTHEST_NEUTRAL_DEG = 20.0
_SYNTHETIC_DEG = 28.0


@dataclass(frozen=True, slots=True)
class Acts:
    """What one person does, by step, each piece with its own times.

    Parameters
    ----------
    turns
        ``real`` (both sides), ``mirrored`` (one side and its mirror image) or ``turned in 3-D``
        (one side or both).
    """

    person: str
    capture: Capture
    pieces: Mapping[Step, FaceTrack]
    turns: str

    def session(
        self,
        order: Sequence[Step],
        asked: Sequence[Prompt] | None = None,
        *,
        mirrored_flag: bool = False,
        blinks: int = 1,
    ) -> Capture:
        """Return the acts in `order`, prompted as they come or at the times of `asked`."""
        track = joined([piece for step in order for piece in self._of(step, blinks)])
        prompts = self.prompts(order, blinks) if asked is None else asked
        return prompted(self.capture, track, prompts, is_mirrored=mirrored_flag)

    def prompts(self, order: Sequence[Step], blinks: int = 1) -> tuple[Prompt, ...]:
        """Return when each piece begins in a session in that order."""
        prompts, start_s = [], 0.0
        for step in order:
            prompts.append(Prompt(step, start_s))
            for piece in self._of(step, blinks):
                start_s += float(piece.t_s[-1] - piece.t_s[0]) + interval_of(piece)
        return tuple(prompts)

    def _of(self, step: Step, blinks: int) -> list[FaceTrack]:
        return [self.pieces[step]] * (blinks if step is Step.BLINK else 1)


def acts_of(person: str, capture: Capture, policy: Policy) -> Acts | None:
    """Return the acts in a clip; None where it has no blink or never looks ahead."""
    track = capture.track
    ahead = _ahead(track)
    blink = _blink(capture, policy)
    if ahead is None or blink is None:
        return None
    rest, neutral = ahead
    left, right = (_turn(track, neutral, side) for side in (1.0, -1.0))
    kind = "real"
    if (left is None) != (right is None) and abs(neutral) <= _AHEAD_DEG:
        # Only where neutral is ahead: a mirror moves the neutral pose to the other side.
        kind = "mirrored"
        left, right = _both(left, right)
    if left is None or right is None:
        kind = "turned in 3-D"
        left = _synthetic(rest, 1.0) if left is None else left
        right = _synthetic(rest, -1.0) if right is None else right
    pieces = {
        Step.NEUTRAL: rest, Step.BLINK: blink, Step.TURN_LEFT: left, Step.TURN_RIGHT: right,
        Step.SPEAK: rest,
    }  # fmt: skip
    return Acts(person, capture, pieces, kind)


def _ahead(track: FaceTrack) -> tuple[FaceTrack, float] | None:
    """Return the stretch in which the head moves least, and where it looks."""
    best: tuple[float, FaceTrack] | None = None
    for start_s in np.arange(track.t_s[0], track.t_s[-1] - _REST_S, 0.1):
        piece = between(track, start_s, start_s + _REST_S)
        if len(piece) < 5 or not np.isfinite(piece.yaw_deg).all():
            continue
        cost = float(np.ptp(piece.yaw_deg) + 0.2 * abs(np.median(piece.yaw_deg)))
        if best is None or cost < best[0]:
            best = (cost, piece)
    if best is None or np.ptp(best[1].yaw_deg) > _REST_DEG:
        return None
    neutral = float(np.median(best[1].yaw_deg))
    return (best[1], neutral) if abs(neutral) <= _FURTHEST_NEUTRAL_DEG else None


def _blink(capture: Capture, policy: Policy) -> FaceTrack | None:
    """Return the piece around the deepest blink that has room before and after it."""
    track, sampling = capture.track, sampling_of(capture.track, policy)
    opening, _ = relative_opening(capture, sampling, policy)
    closures = closures_of(opening, track.t_s, sampling.interval_s, policy)
    for one in sorted(closures, key=lambda one: one.ratio):
        start_s = max(float(track.t_s[0]), float(track.t_s[one.start]) - 2 * _LEAD_S)
        end_s = float(track.t_s[one.end]) + _TAIL_S / 2
        late = float(track.t_s[one.lowest]) - start_s >= _LEAD_S / 2
        if late and end_s <= track.t_s[-1] + 0.05:
            return between(track, start_s, end_s)
    return None


def _turn(track: FaceTrack, neutral: float, side: float) -> FaceTrack | None:
    """Return the piece from looking ahead to the furthest point of a turn, and what follows."""
    towards = side * (track.yaw_deg - neutral)
    if not np.nanmax(towards) >= _FAR_DEG:
        return None
    peak = int(np.nanargmax(towards))
    before = np.flatnonzero(towards[:peak] <= _AHEAD_DEG)
    if not len(before):
        return None
    onset_s, peak_s = float(track.t_s[before[-1]]), float(track.t_s[peak])
    start_s = max(float(track.t_s[0]), onset_s - _LEAD_S)
    if peak_s - onset_s > _LONGEST_TURN_S or onset_s - start_s < _LEAD_S / 4:
        return None
    after = np.flatnonzero(towards[peak:] <= _AHEAD_DEG)
    back_s = float(track.t_s[peak + after[0]]) if len(after) else peak_s + _TAIL_S
    return between(track, start_s, min(back_s + _TAIL_S, peak_s + _LONGEST_TURN_S))


def _synthetic(rest: FaceTrack, side: float) -> FaceTrack:
    """Return the piece looking ahead, the head turned and turned back in its middle."""
    share = np.linspace(0.0, 1.0, len(rest))
    angle = side * _SYNTHETIC_DEG * np.clip(1.5 * np.sin(np.pi * (share - 0.25) / 0.75), 0.0, 1.0)
    degrees: FloatArray = np.where(share < 0.25, 0.0, angle).astype(np.float32)
    return turned(rest, degrees)


def _both(left: FaceTrack | None, right: FaceTrack | None) -> tuple[FaceTrack, FaceTrack]:
    """Return both turns where one is known: the other is its mirror image."""
    if left is not None:
        return left, mirrored(left) if right is None else right
    if right is not None:
        return mirrored(right), right
    msg = "one of the two turns has to be known"
    raise ValueError(msg)
