"""Blinks at lower frame rates: windows as long as a step, with a blink in them and without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from layers.capture.types import BoolArray, Capture, FloatArray, TimeArray
from layers.liveness.lids import closures_of, relative_opening
from layers.liveness.measurements.clips import BLINK_BELOW, NO_BLINK_ABOVE, Clip
from layers.liveness.measurements.table import Table, Tally
from layers.liveness.measurements.tracks import Rows, stride_for, thinned
from layers.liveness.steps import sampling_of
from verdict.evidence import CheckName
from verdict.policy import Policy

_RATES_FPS = (60.0, 30.0, 15.0, 10.0, 8.0, 5.0)
_WINDOW_S = 3.5
_HOP_S = 1.0
# A blink counts for a window when it lies this far inside, and no other near the edge.
_MARGIN_S = 0.3
# Closed for this long it is a blink as one makes it on request.
_HELD_S = 0.2


def blinks_by_rate(clips: Iterable[Clip], policy: Policy) -> Table:
    """Return how often a window is taken for one without a blink, by what is in it."""
    tally = Tally()
    kept = list(clips)
    for fps in _RATES_FPS:
        for clip in kept:
            track = clip.capture.track
            if fps > 1.3 / np.median(np.diff(track.t_s)):
                continue  # no more frames than there are: none are made up
            opening, _ = relative_opening(clip.capture, sampling_of(track, policy), policy)
            windows = [
                (one, kind) for one in _windows(clip.capture) if (kind := _kind(clip, one, opening))
            ]
            for phase in range(stride_for(track, fps)):
                found = _found_at(clip.capture, fps, phase, policy)
                for (start_s, end_s), kind in windows:
                    seen = bool(((found >= start_s) & (found <= end_s)).any())
                    if kind == "no blink" or clip.bonafide:
                        failed = () if seen else (str(CheckName.BLINK_DETECTION),)
                        tally.add(f"{fps:g} frames/s: {kind}", clip.person, failed)
    return tally.table(f"Windows of {_WINDOW_S:g} s, natural blinks, every phase of thinning")


def _found_at(capture: Capture, fps: float, phase: int, policy: Policy) -> TimeArray:
    track = thinned(capture.track, fps, phase)
    thin = replace(capture, track=track, images=(), kept=())
    sampling = sampling_of(track, policy)
    opening, _ = relative_opening(thin, sampling, policy)
    closures = closures_of(opening, track.t_s, sampling.interval_s, policy)
    return track.t_s[[one.lowest for one in closures]]


def _windows(capture: Capture) -> Iterator[tuple[float, float]]:
    t_s = capture.track.t_s
    for start_s in np.arange(t_s[0], t_s[-1] - _WINDOW_S + 1e-6, _HOP_S):
        yield float(start_s), float(start_s) + _WINDOW_S


def _kind(clip: Clip, window: tuple[float, float], opening: FloatArray) -> str:
    """Name what a window shows at the full rate; empty where that can't be said."""
    track = clip.capture.track
    near = (track.t_s >= window[0] - _MARGIN_S) & (track.t_s <= window[1] + _MARGIN_S)
    inside = (track.t_s >= window[0] + _MARGIN_S) & (track.t_s <= window[1] - _MARGIN_S)
    if not (opening[near] <= NO_BLINK_ABOVE).any():
        return "no blink"
    closed = _stretches(opening < BLINK_BELOW)
    own = [one for one in closed if inside[one].all()]
    if not own:
        return ""
    if len(own) > 1:
        return "two blinks or more"
    held_s = _stretch_s(opening, own[0], track.t_s)
    return "one blink, eyes closed 0.2 s or longer" if held_s >= _HELD_S else "one shorter blink"


def _stretches(flags: BoolArray) -> list[Rows]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return [np.arange(start, end) for start, end in edges.reshape(-1, 2)]


def _stretch_s(opening: FloatArray, rows: Rows, t_s: TimeArray) -> float:
    """Return how long the lids stay below the limit for closed eyes around `rows`."""
    closed = opening < 0.65
    start, end = int(rows[0]), int(rows[-1])
    while start > 0 and closed[start - 1]:
        start -= 1
    while end < len(closed) - 1 and closed[end + 1]:
        end += 1
    return float(t_s[end] - t_s[start])
