"""What lacks the action: stills, photos in motion, loops, closed eyes, a blink cut in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np

from layers.capture.collect import EvenSample, collect, face_track
from layers.capture.limits import CaptureLimits
from layers.capture.types import Capture, FaceTrack, Image, Prompt, Step, TimeArray
from layers.liveness.analyse import analyse
from layers.liveness.blink import check_blink
from layers.liveness.lids import relative_opening
from layers.liveness.measurements.alterations import frames_of_file, scaled
from layers.liveness.measurements.clips import NO_BLINK_ABOVE, Clip
from layers.liveness.measurements.table import Table, Tally
from layers.liveness.measurements.tracks import between, joined, prompted, taken, thinned
from layers.liveness.steps import sampling_of
from verdict.evidence import CheckName
from verdict.policy import Policy

_RATES_FPS = (30.0, 15.0, 10.0, 5.0)
_FPS = 10.0
# When a photo is moved as each step asks: seconds, and degrees of the sheet about its upright axis.
_ASKED = ((Step.NEUTRAL, 1.5, 0.0), (Step.BLINK, 2.5, 0.0), (Step.TURN_LEFT, 2.5, 40.0),
          (Step.TURN_RIGHT, 2.5, -40.0), (Step.SPEAK, 2.0, 0.0))  # fmt: skip
_SIDE_PX = 400
_CUTS_PER_CLIP = 4
# Tracking again takes a while: one clip of so many.
_WAVED_OF = 3


def attacks(clips: Iterable[Clip], policy: Policy) -> Table:
    """Return what was rejected by which check, at the rate of the clips or as named."""
    tally = Tally()
    for k, clip in enumerate(clips):
        if not clip.bonafide:
            if clip.blinks is False:
                _note(tally, "portraits and replays without a blink", clip, clip.capture, policy)
            continue
        if clip.blinks is False:
            _note(tally, "real clips without a blink", clip, clip.capture, policy)
        _note(tally, "one frame, shown for 8 s", clip, _frozen(clip.capture), policy)
        _note(tally, "2 s, shown twice", clip, _looped(clip.capture), policy)
        _note(tally, "eyes closed throughout", clip, _closed(clip.capture, policy), policy)
        if k % _WAVED_OF == 0:
            _note(tally, "photo tilted as asked", clip, waved(clip, policy), policy)
        _cut_in(tally, clip, policy)
    return tally.table("Attacks that lack the action")


def _note(tally: Tally, what: str, clip: Clip, capture: Capture, policy: Policy) -> None:
    failed = [str(check.name) for check in analyse(capture, policy).checks if not check.passed]
    tally.add(what, clip.person, failed)


def _frozen(capture: Capture) -> Capture:
    row = int(np.flatnonzero(capture.track.found)[0])
    track = taken(capture.track, np.full(80, row))
    return _bare(capture, replace(track, t_s=np.arange(80) / _FPS))


def _looped(capture: Capture) -> Capture:
    start_s = float(capture.track.t_s[0])
    piece = between(capture.track, start_s, start_s + 2.0)
    return _bare(capture, joined([piece, piece]))


def _closed(capture: Capture, policy: Policy) -> Capture:
    """Return the stretch that moves the lids least, with the lids as low as in a blink."""
    track = capture.track
    opening, _ = relative_opening(capture, sampling_of(track, policy), policy)
    rows = np.flatnonzero(opening > NO_BLINK_ABOVE)
    rows = rows if len(rows) > 20 else np.arange(len(track))
    own = taken(track, rows)
    return _bare(capture, replace(own, ear=0.25 * own.ear))


def _bare(capture: Capture, track: FaceTrack) -> Capture:
    return replace(capture, track=track, images=(), kept=(), audio=None, sensor=None)


def waved(clip: Clip, policy: Policy) -> Capture:
    """Return a still of the clip, printed flat, tilted by hand as each step asks, tracked."""
    row = int(np.nanargmin(np.abs(clip.capture.track.yaw_deg)))
    _, still = next(frames_of_file(clip.path, [row]))
    times, tracked, _ = collect(
        _moved(scaled(still, _SIDE_PX)), EvenSample(CaptureLimits()), dense=True
    )
    track = face_track(times, tracked, (None,) * len(times))
    return prompted(_bare(clip.capture, track), track, _prompts())


def _prompts() -> Sequence[Prompt]:
    starts = np.cumsum([0.0, *(seconds for _, seconds, _ in _ASKED)])
    return [Prompt(step, float(at)) for (step, _, _), at in zip(_ASKED, starts, strict=False)]


def _moved(still: Image) -> Iterator[tuple[float, Image]]:
    """Yield the sheet turning about its upright axis as seen by a camera, with a shaking hand."""
    chance = np.random.default_rng(0)
    frame = 0
    for _, seconds, degrees in _ASKED:
        n = round(seconds * _FPS)
        for k in range(n):
            angle = np.radians(degrees) * np.sin(np.pi * k / n) + chance.normal(0, 0.01)
            yield frame / _FPS, _sheet(still, angle, chance.normal(0, 1.5, 2))
            frame += 1


def _sheet(still: Image, angle: float, shift: TimeArray) -> Image:
    height, width = still.shape[:2]
    focal = 1.5 * width
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    x, y = corners[:, 0] - width / 2, corners[:, 1] - height / 2
    depth = focal - x * np.sin(angle)
    seen = np.stack([focal * x * np.cos(angle) / depth, focal * y / depth], axis=1)
    seen = seen + np.array([width / 2, height / 2]) + shift
    warp = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    size = (width, height)
    return np.asarray(cv2.warpPerspective(still, warp, size, borderValue=(120, 118, 115)), np.uint8)


def _cut_in(tally: Tally, clip: Clip, policy: Policy) -> None:
    """Cut the deepest closed frame into stretches without a blink, at several rates."""
    chance = np.random.default_rng(0)
    for fps in _RATES_FPS if clip.blinks else ():
        thin = _bare(clip.capture, thinned(clip.capture.track, fps))
        track = thin.track
        opening, _ = relative_opening(thin, sampling_of(track, policy), policy)
        closed = int(np.nanargmin(opening))
        quiet = [
            row
            for row in range(3, len(track) - 3)
            if (opening[row - 3 : row + 4] > NO_BLINK_ABOVE).all()
        ]
        if opening[closed] > NO_BLINK_ABOVE or not quiet:
            continue
        for row in chance.choice(quiet, min(_CUTS_PER_CLIP, len(quiet)), replace=False):
            near = np.abs(track.t_s - track.t_s[row]) <= 1.5
            rows = np.arange(len(track))[
                near & ((opening > NO_BLINK_ABOVE) | (track.t_s == track.t_s[row]))
            ]
            own = replace(taken(track, np.where(rows == row, closed, rows)), t_s=track.t_s[rows])
            result = check_blink(_bare(clip.capture, own), policy)
            failed = () if result.passed else (str(CheckName.BLINK_DETECTION),)
            tally.add(f"one closed frame cut in, {fps:g} frames/s", clip.person, failed)
