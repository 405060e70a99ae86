"""The report: one file that needs nothing else, escapes what it shows, and misses nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from layers.capture.types import (
    N_LANDMARKS,
    THUMB_SHAPE,
    Audio,
    Capture,
    Challenge,
    FaceTrack,
    MediaKind,
    Source,
    Step,
)
from service.report import render_report
from service.report.curves import _closed_level, _turn_levels
from service.report.pictures import frame_strip
from service.report.render import _frames
from tests import builders
from verdict.engine import decide
from verdict.evidence import CheckName, Evidence, FailureKind, LayerName, NotExecuted, SignalCode
from verdict.measurement import Measurement, QualityFinding
from verdict.policy import load_policy
from verdict.voice_evidence import WindowScore
from verdict.wire import detection_data, detection_evidence

_N = 20


def _steps(n: int) -> tuple[Step | None, ...]:
    return tuple(
        None if i == n // 2 else Step.NEUTRAL if i < n // 2 else Step.BLINK for i in range(n)
    )


def _capture(*, with_audio: bool = True, n: int = _N) -> Capture:
    noise = np.random.default_rng(0)
    points = noise.uniform((20, 20, 0), (100, 80, 1), (n, N_LANDMARKS, 3)).astype(np.float32)
    points[n // 2 :: 7] = np.nan  # frames without a face
    quantity = np.where(np.isfinite(points[:, 0, 0]), 0.3, np.nan).astype(np.float32)
    track = FaceTrack(
        t_s=np.arange(n) / 10,
        steps=_steps(n),
        received_s=np.full(n, np.nan),
        n_faces=np.ones(n, dtype=np.int32),
        landmarks=points,
        yaw_deg=quantity,
        pitch_deg=quantity,
        roll_deg=quantity,
        ear=np.stack((quantity, quantity), axis=1),
        mar=quantity,
        thumbs=np.zeros((n, *THUMB_SHAPE), dtype=np.uint8),
        brightness=quantity,
        sharpness=quantity,
    )
    images = tuple(noise.integers(0, 255, (96, 128, 3)).astype(np.uint8) for _ in range(n))
    sound = noise.normal(0, 0.1, 16_000).astype(np.float32)
    audio = Audio(sound, ((0.2, 0.8),), np.full(100, -30.0, dtype=np.float32), 0.01, offset_s=0.5)
    return Capture(
        Source(MediaKind.FRAMES, 128, 96),
        track,
        images,
        tuple(range(n)),
        audio if with_audio else None,
        Challenge("apple"),
    )


def _evidence() -> Evidence:
    vision = builders.vision(82, 90, *SignalCode)
    signals = tuple(
        replace(
            signal,
            frames=(2, 3, 4, 15),
            region="<region>",
            reason="<script>alert(1)</script>",
            measurements=(Measurement("x_px", 1.25, 2.0, (2, 3, 4), "<note>"),),
        )
        for signal in vision.signals
    )
    voice = replace(
        builders.voice(75, 80, match=False),
        windows=(
            WindowScore(0.0, 0.5, -1.25, 0.96, decided=True),
            WindowScore(0.5, 1.0, 2.0, 0.31),
        ),
        models={"detector": "ab" * 32},
    )
    return replace(
        builders.evidence(
            builders.liveness(CheckName.BLINK_DETECTION), replace(vision, signals=signals), voice
        ),
        findings=(QualityFinding("TOO_DARK", 20.0, 40.0, "Turn on a light & sit facing it."),),
        timings_ms={"capture": 812.25, "vision": float("nan")},
    )


def _wire(evidence: Evidence) -> tuple[dict[str, Any], dict[str, Any]]:
    decision = decide(evidence, load_policy())
    return detection_data(decision, datetime.now(UTC)), detection_evidence(decision)


def test_the_page_needs_nothing_outside_itself() -> None:
    page = render_report(*_wire(_evidence()), _capture())
    assert "<script" not in page
    assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!data:|#)[a-z/]", page)
    assert "http" not in page.replace("http-equiv", "")


def test_text_is_escaped() -> None:
    page = render_report(*_wire(_evidence()), _capture())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;note&gt;" in page
    assert "a light &amp; sit" in page


def test_what_decided_is_there() -> None:
    data, evidence = _wire(_evidence())
    page = render_report(data, evidence, _capture())
    assert page.count("<svg viewBox") >= 5  # the diagrams over time, and curves of signals
    assert evidence["policy"]["digest"] in page
    for text in (
        "DEEPFAKE",
        "a liveness check failed",
        "TOO_DARK",
        "ab" * 32,
        "capture 812 ms",
        "2-4",
    ):
        assert text in page
    for name in (*CheckName, *SignalCode):
        assert str(name) in page


@pytest.mark.parametrize(
    ("capture", "sentence"),
    [
        (None, "not kept any more"),
        (_capture(with_audio=False), "No sound."),
        (_capture(n=0), "No frames."),
        (_capture().without_images(), "Over time"),
    ],
)
def test_what_is_missing_is_said(capture: Capture | None, sentence: str) -> None:
    assert sentence in render_report(*_wire(_evidence()), capture)


def test_layers_that_did_not_run_are_named() -> None:
    liveness, vision, voice = (
        NotExecuted(layer, FailureKind.TIMED_OUT, "stopped after 30 s") for layer in LayerName
    )
    page = render_report(*_wire(Evidence(liveness, vision, voice)), _capture())
    for layer in LayerName:
        assert f"{layer} did not run: stopped after 30 s" in page


def test_limits_of_the_checks_are_drawn_where_they_apply() -> None:
    passed = builders.liveness()
    measured = {
        CheckName.BLINK_DETECTION: (
            Measurement("eye_opening_ratio", 0.4, 0.5),
            Measurement("open_ear_image_left", 0.3),
            Measurement("open_ear_image_right", None),
        ),
        CheckName.HEAD_MOVEMENT: (
            Measurement("least_turn_deg", 3.0, 12.0),
            Measurement("neutral_yaw_deg", -1.0),
        ),
    }
    checks = tuple(
        replace(check, measurements=measured.get(check.name, ())) for check in passed.checks
    )
    _, evidence = _wire(builders.evidence(replace(passed, checks=checks)))
    (closed,) = _closed_level(evidence)
    assert closed.value == pytest.approx(0.15)
    assert [level.value for level in _turn_levels(evidence)] == [11.0, -13.0]
    _, without = _wire(builders.evidence())
    assert _closed_level(without) == _turn_levels(without) == []


def test_frames_that_findings_rest_on_come_first() -> None:
    strip = frame_strip(_capture(), {3: ["blink"], 17: ["turn"]}, at_most=6)
    assert len(strip) == 6
    assert [frame.marks for frame in strip if frame.index in (3, 17)] == [("blink",), ("turn",)]
    assert [frame.t_s for frame in strip] == sorted(frame.t_s for frame in strip)


def test_frame_numbers_are_written_shortly() -> None:
    assert _frames([]) == ""
    assert _frames([5, 1, 2, 3, 9, 8]) == "1-3, 5, 8-9"
