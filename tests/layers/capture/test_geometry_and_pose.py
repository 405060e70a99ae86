"""Aspect ratios and head pose against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from layers.capture.geometry import (
    EYE_IMAGE_LEFT,
    EYE_IMAGE_RIGHT,
    eye_aspect_ratio,
    mouth_aspect_ratio,
)
from layers.capture.pose import _INDICES, _MODEL, head_pose
from layers.capture.types import N_LANDMARKS, FloatArray


def _posed(yaw_deg: float, pitch_deg: float, roll_deg: float) -> FloatArray:
    """The canonical model turned: yaw about the upright axis first, roll in the picture last."""
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    lean = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    points = _MODEL @ (lean @ turn @ nod).T
    landmarks = np.zeros((1, N_LANDMARKS, 3), np.float32)
    landmarks[0, _INDICES] = points * (12.0, -12.0, 12.0) + (320.0, 240.0, 0.0)
    return landmarks


@pytest.mark.parametrize("yaw", [-60.0, -25.0, 0.0, 12.0, 45.0])
def test_yaw_is_positive_to_the_right_edge(yaw: float) -> None:
    got, pitch, roll = head_pose(_posed(yaw, 0.0, 0.0))
    assert got[0] == pytest.approx(yaw, abs=0.01)
    assert pitch[0] == pytest.approx(0.0, abs=0.01)
    assert roll[0] == pytest.approx(0.0, abs=0.01)
    nose, bridge = _posed(yaw, 0.0, 0.0)[0, [4, 6], 0]
    assert np.sign(round(float(nose - bridge), 3)) == np.sign(yaw)


@pytest.mark.parametrize("pitch", [-30.0, 0.0, 20.0])
def test_pitch_is_positive_upwards(pitch: float) -> None:
    landmarks = _posed(0.0, pitch, 0.0)
    assert head_pose(landmarks)[1][0] == pytest.approx(pitch, abs=0.01)


@pytest.mark.parametrize("roll", [-30.0, 0.0, 20.0])
def test_roll_is_clockwise(roll: float) -> None:
    landmarks = _posed(0.0, 0.0, roll)
    assert head_pose(landmarks)[2][0] == pytest.approx(roll, abs=0.01)
    top, nose = landmarks[0, [10, 4], 0]
    assert np.sign(round(float(top - nose), 3)) == np.sign(roll), "the forehead leans right"


def test_noise_of_a_pixel_moves_the_pose_little() -> None:
    chance = np.random.default_rng(0)
    noisy = np.repeat(_posed(20.0, 5.0, 3.0), 200, axis=0)
    noisy[..., :2] += chance.normal(0, 1.0, (200, N_LANDMARKS, 2))
    yaw, _, _ = head_pose(noisy)
    assert yaw.mean() == pytest.approx(20.0, abs=0.5)
    assert yaw.std() < 1.5


def test_rows_without_a_face_stay_nan() -> None:
    landmarks = np.full((3, N_LANDMARKS, 3), np.nan, np.float32)
    landmarks[1] = _posed(10.0, 0.0, 0.0)[0]
    yaw, _, _ = head_pose(landmarks)
    assert np.isnan(yaw).tolist() == [True, False, True]
    assert np.isnan(eye_aspect_ratio(landmarks)).all(axis=1).tolist() == [True, False, True]
    assert len(head_pose(landmarks[:0])[0]) == 0


def test_eye_aspect_ratio_by_its_equation() -> None:
    landmarks = np.zeros((1, N_LANDMARKS, 3), np.float32)
    for eye, height in ((EYE_IMAGE_LEFT, 3.0), (EYE_IMAGE_RIGHT, 9.0)):
        for index, point in zip(
            eye, [(0, 0), (10, -1), (20, -1), (30, 0), (20, 1), (10, 1)], strict=True
        ):
            landmarks[0, index, :2] = (point[0], point[1] * height / 2)
    assert eye_aspect_ratio(landmarks)[0] == pytest.approx([3.0 / 30.0, 9.0 / 30.0])


def test_mouth_aspect_ratio() -> None:
    landmarks = np.zeros((1, N_LANDMARKS, 3), np.float32)
    landmarks[0, 308, 0] = 40.0
    for lower in (178, 14, 402):
        landmarks[0, lower, 1] = 10.0
    assert mouth_aspect_ratio(landmarks)[0] == pytest.approx(0.25)
