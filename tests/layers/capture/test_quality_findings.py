"""Findings on the picture: each is noted, refuses where nothing can be seen, and else is silent."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from layers.capture.contrast import part_contrast
from layers.capture.quality import quality_findings
from layers.capture.types import N_LANDMARKS, FaceTrack, FloatArray, Image, MediaKind
from tests.layers.liveness.liveness_builders import times, track
from verdict.measurement import QualityFinding
from verdict.policy import load_policy

POLICY = load_policy()
SIZE = (640, 480)
CLEAR = (0.8, 0.8, 0.8)


def face(
    x: float = 220.0,
    y: float = 140.0,
    *,
    contrast: tuple[float, float, float] = CLEAR,
    brightness: float = 120.0,
    sharpness: float = 200.0,
) -> FaceTrack:
    """A face of 200 by 200 px whose upper left corner is at x, y, on 30 frames."""
    own = track(times(2.0, 15.0))
    landmarks = np.zeros((30, N_LANDMARKS, 3), np.float32)
    landmarks[:, :, 0] = x + np.linspace(0.0, 200.0, N_LANDMARKS)
    landmarks[:, :, 1] = y + np.tile([0.0, 200.0], N_LANDMARKS // 2)
    return replace(
        own,
        landmarks=landmarks,
        contrast=np.tile(np.array(contrast, np.float32), (30, 1)),
        brightness=np.full(30, brightness, np.float32),
        sharpness=np.full(30, sharpness, np.float32),
    )


def findings(of: FaceTrack) -> dict[str, QualityFinding]:
    found = quality_findings(MediaKind.FRAMES, of, None, POLICY, SIZE)
    return {one.code: one for one in found}


def test_a_face_in_the_middle_in_good_light_has_none() -> None:
    assert findings(face()) == {}


def test_a_face_at_the_side_is_off_centre_and_not_refused() -> None:
    off = findings(face(x=435.0))["OFF_CENTRE"]
    assert off.value == pytest.approx(535 / 640 - 0.5)
    assert not off.refuses
    assert "middle" in off.hint
    assert set(findings(face(x=5.0))) == {"OFF_CENTRE"}


@pytest.mark.parametrize(("beyond", "refuses"), [(0.1, False), (0.5, True)])
def test_a_face_beyond_the_edge_is_cut_off(beyond: float, refuses: bool) -> None:
    found = findings(face(x=640.0 - 200.0 * (1 - beyond)))
    assert set(found) == {"FACE_CUT_OFF"}, "one hint for one thing"
    assert found["FACE_CUT_OFF"].value == pytest.approx(beyond, abs=0.01)
    assert found["FACE_CUT_OFF"].refuses is refuses


def test_without_the_size_of_the_picture_nothing_is_said_of_the_place() -> None:
    assert quality_findings(MediaKind.FRAMES, face(x=600.0), None, POLICY) == ()


def test_dark_glasses_are_refused_and_one_covered_eye_is_a_hint() -> None:
    dark = findings(face(contrast=(0.05, 0.08, 0.8)))
    assert set(dark) == {"EYES_NOT_VISIBLE"}
    assert dark["EYES_NOT_VISIBLE"].refuses
    hair = findings(face(contrast=(0.05, 0.8, 0.8)))["EYES_NOT_VISIBLE"]
    assert not hair.refuses
    assert hair.value == pytest.approx(0.05)
    tinted = POLICY.number("capture.eyes.contrast.refuse") + 0.01
    assert not findings(face(contrast=(tinted,) * 2 + (0.8,)))["EYES_NOT_VISIBLE"].refuses


def test_a_scarf_is_a_hint() -> None:
    found = findings(face(contrast=(0.8, 0.8, 0.1)))
    assert set(found) == {"OCCLUDED"}
    assert not found["OCCLUDED"].refuses


def test_a_few_frames_with_a_hand_or_closed_eyes_say_nothing() -> None:
    own = face()
    assert own.contrast is not None
    contrast = own.contrast.copy()
    contrast[:10] = 0.05
    assert findings(replace(own, contrast=contrast)) == {}


def test_in_the_dark_in_the_glare_and_out_of_focus_one_hint_is_enough() -> None:
    covered = (0.05, 0.05, 0.05)
    assert set(findings(face(contrast=covered, brightness=30.0))) == {"TOO_DARK"}
    assert set(findings(face(contrast=covered, sharpness=20.0))) == {"BLURRED"}
    assert set(findings(face(contrast=covered, brightness=230.0))) == {"TOO_BRIGHT"}


def test_an_eye_behind_the_nose_is_not_covered() -> None:
    own = face(contrast=(0.8, 0.05, 0.8))
    turned = replace(own, yaw_deg=np.full(30, 60.0, np.float32))
    assert findings(turned) == {}


def portrait() -> tuple[Image, FloatArray]:
    """Grey skin of 150 with two dark eyes and a dark mouth at their landmarks."""
    grey = np.full((200, 200), 150, np.uint8)
    landmarks = np.full((N_LANDMARKS, 3), 100.0, np.float32)
    landmarks[0], landmarks[1] = (20, 20, 0), (180, 180, 0)
    for (left, right), (x, y) in zip(
        ((33, 133), (362, 263), (61, 291)), ((60, 80), (140, 80), (100, 140)), strict=True
    ):
        landmarks[left], landmarks[right] = (x - 20, y, 0), (x + 20, y, 0)
        cv2.ellipse(grey, (x, y), (8, 6), 0, 0, 360, (30,), -1)
    return grey, landmarks


def test_contrast_is_that_of_iris_and_lips_against_skin() -> None:
    grey, landmarks = portrait()
    face_mean = float(grey[20:181, 20:181].mean())
    assert part_contrast(grey, landmarks) == pytest.approx([120 / face_mean] * 3, rel=1e-3)
    darker = part_contrast((grey // 2).astype(np.uint8), landmarks)
    assert darker == pytest.approx([120 / face_mean] * 3, rel=0.01), "light doesn't matter"


def test_a_covered_part_has_no_contrast() -> None:
    grey, landmarks = portrait()
    grey[60:100, 30:90] = 150
    contrast = part_contrast(grey, landmarks)
    assert contrast[0] == 0
    assert (contrast[1:] > 0.5).all()


def test_without_a_face_or_outside_the_picture_there_is_no_contrast() -> None:
    grey, landmarks = portrait()
    assert np.isnan(part_contrast(grey, np.full_like(landmarks, np.nan))).all()
    landmarks[[33, 133], 0] += 500
    assert np.isnan(part_contrast(grey, landmarks)).tolist() == [True, False, False]
