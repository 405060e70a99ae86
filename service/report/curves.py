"""Diagrams over time: eyes, head, the mouth against loudness, and the curve of a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from layers.capture.types import Audio, Capture, FaceTrack, FloatArray, Step
from layers.vision.pictures import Curve
from service.report.plots import Band, Floats, Level, Plot, Range, Series, draw

Wire = Mapping[str, Any]
# The axes show at least this much, so that a curve that hardly moves looks like one.
_FULL_TURN_DEG = 30.0
_OPEN_EAR = 0.45
_OPEN_MAR = 0.4


def eyes(capture: Capture, evidence: Wire) -> str:
    """Eye aspect ratio of both eyes; marks are the frames of the blink check."""
    track = capture.track
    lower = np.fmin(track.ear[:, 0], track.ear[:, 1])
    return _of_track(
        capture,
        Plot(
            title="Eye opening",
            unit="EAR",
            series=[
                _series(track, "left in the image", track.ear[:, 0], "a"),
                _series(track, "right in the image", track.ear[:, 1], "b"),
            ],
            t_range=_time_range(capture),
            at_least=(0.0, _OPEN_EAR),
            levels=_closed_level(evidence),
            marks=_marks(track, lower, _check_frames(evidence, "blink_detection")),
        ),
    )


def head(capture: Capture, evidence: Wire) -> str:
    """Yaw; marks are the frames of the head-movement check."""
    track = capture.track
    return _of_track(
        capture,
        Plot(
            title="Head turn",
            unit="yaw °",
            series=[_series(track, "positive: to the right of the image", track.yaw_deg, "a")],
            t_range=_time_range(capture),
            at_least=(-_FULL_TURN_DEG, _FULL_TURN_DEG),
            levels=_turn_levels(evidence),
            marks=_marks(track, track.yaw_deg, _check_frames(evidence, "head_movement")),
        ),
    )


def mouth(capture: Capture) -> str:
    """Mouth opening against the loudness of the sound; speech is shaded."""
    track, audio = capture.track, capture.audio
    series = [_series(track, "mouth", track.mar, "a")]
    bands: list[Band] = []
    if audio is not None:
        series.append(_level_of(audio))
        bands = _speech(audio)
    plot = Plot(
        title="Mouth opening against sound",
        unit="MAR",
        series=series,
        t_range=_time_range(capture),
        at_least=(0.0, _OPEN_MAR),
        bands=bands,
        right_unit="dB" if audio is not None else "",
        legend=[("speech", "speech-key")] if bands else [],
    )
    return draw(plot)


def of_finding(capture: Capture, curve: Curve) -> str:
    """Draw the curve that a signal rests on, with the limit at which it fires."""
    track, audio = capture.track, capture.audio if curve.with_sound else None
    values = np.asarray(curve.values, dtype=np.float64)
    limits = (
        []
        if curve.limit is None
        else [Level(curve.limit, curve.limit_label, "limit", at_start=True)]
    )
    steps = [] if audio is not None else _step_bands(track)
    return draw(
        Plot(
            title=curve.title,
            unit=curve.unit,
            series=[
                _series(track, curve.title.lower(), curve.values, "a"),
                *([] if audio is None else [_level_of(audio)]),
            ],
            t_range=_time_range(capture),
            at_least=(0.0,),
            bands=steps if audio is None else _speech(audio),
            levels=limits,
            marks=[(float(track.t_s[row]), float(values[row])) for row in curve.marks],
            right_unit="" if audio is None else "dB",
            legend=[] if audio is None or not audio.speech else [("speech", "speech-key")],
        )
    )


def _level_of(audio: Audio) -> Series:
    t_s = audio.offset_s + np.arange(len(audio.energy_db)) * audio.energy_hop_s
    level = np.asarray(audio.energy_db, dtype=np.float64)
    return Series("sound level", t_s, level, "b", right=True)


def _of_track(capture: Capture, plot: Plot) -> str:
    return draw(replace(plot, bands=_step_bands(capture.track)))


def _step_bands(track: FaceTrack) -> list[Band]:
    return [
        Band(start, end, str(step), f"band band-{place % 2}")
        for place, (step, start, end) in enumerate(step_names(track))
    ]


def step_names(track: FaceTrack) -> list[tuple[Step, float, float]]:
    """Return each stretch of frames of one step: (step, first time, last time)."""
    order = np.argsort(track.t_s, kind="stable")
    stretches: list[tuple[Step, float, float]] = []
    before: Step | None = None
    for index in order:
        step, t_s = track.steps[index], float(track.t_s[index])
        if step is None:
            before = None
            continue
        if stretches and before is not None:  # a step lasts until the next one begins
            stretches[-1] = (stretches[-1][0], stretches[-1][1], t_s)
        if step == before:
            before = step
        else:
            stretches.append((step, t_s, t_s))
        before = step
    return stretches


def _series(track: FaceTrack, name: str, values: FloatArray, css: str) -> Series:
    order = np.argsort(track.t_s, kind="stable")
    return Series(name, track.t_s[order], np.asarray(values[order], dtype=np.float64), css)


def _time_range(capture: Capture) -> Range:
    ends: list[float] = [float(t_s) for t_s in capture.track.t_s if np.isfinite(t_s)]
    if capture.audio is not None:
        ends += [capture.audio.offset_s, capture.audio.offset_s + capture.audio.duration_s]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)


def _check_frames(evidence: Wire, name: str) -> Sequence[int]:
    liveness = evidence["liveness"]
    frames: Sequence[int] = liveness["checks"][name]["frames"] if liveness else []
    return frames


def _measured(evidence: Wire, check: str, name: str, what: str) -> float | None:
    """Return ``value`` or ``threshold`` of one measurement of a check, None where it has none."""
    liveness = evidence["liveness"]
    for measurement in liveness["checks"][check]["measurements"] if liveness else ():
        if measurement["name"] == name:
            number: float | None = measurement[what]
            return number
    return None


def _closed_level(evidence: Wire) -> list[Level]:
    """Return where an eye counts as closed: a share of this person's own open eye."""
    check = "blink_detection"
    share = _measured(evidence, check, "eye_opening_ratio", "threshold")
    sides = [_measured(evidence, check, f"open_ear_image_{s}", "value") for s in ("left", "right")]
    known = [value for value in sides if value is not None]
    if share is None or not known:
        return []
    return [Level(share * sum(known) / len(known), "closed")]


def _turn_levels(evidence: Wire) -> list[Level]:
    """Return how far the head has to turn to either side of its neutral position."""
    check = "head_movement"
    needed = _measured(evidence, check, "least_turn_deg", "threshold")
    neutral = _measured(evidence, check, "neutral_yaw_deg", "value")
    if needed is None or neutral is None:
        return []
    return [Level(neutral + needed, "enough"), Level(neutral - needed, "enough")]


def _marks(
    track: FaceTrack, values: FloatArray | Floats, frames: Sequence[int]
) -> list[tuple[float, float]]:
    """Return the moments that a check rests on; every frame would say nothing."""
    if len(frames) >= len(track):
        return []
    return [(float(track.t_s[index]), float(values[index])) for index in frames]


def _speech(audio: Audio) -> list[Band]:
    return [
        Band(audio.offset_s + start, audio.offset_s + end, "", "speech")
        for start, end in audio.speech
    ]
