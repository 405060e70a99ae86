"""Each signal's measurement grows with the strength of its own artefact."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from types import ModuleType

import cv2
import numpy as np
import pytest

from layers.capture.types import Capture, FloatArray, Image, Step
from layers.vision import (
    blink_failure,
    boundary_artifacts,
    flat_rotation,
    mesh,
    mouth_anomaly,
    skin_tone_mismatch,
    teeth_rendering,
    temporal_instability,
    texture_smoothing,
)
from layers.vision.layer import SIGNALS
from layers.vision.scene import prepare
from tests.layers.vision.vision_builders import (
    astronaut,
    capture_of,
    mixed,
    speech,
    still,
    turned,
)
from verdict.evidence import SignalCode, SignalResult
from verdict.policy import load_policy

POLICY = load_policy()


def signal_of(module: ModuleType, capture: Capture) -> SignalResult:
    signal = module.measure(prepare(capture), POLICY).signal
    assert isinstance(signal, SignalResult)
    return signal


def value_of(module: ModuleType, capture: Capture) -> float:
    value = signal_of(module, capture).measurements[0].value
    assert value is not None
    return value


def assert_rising(values: Sequence[float]) -> None:
    assert all(later > earlier for earlier, later in pairwise(values)), values


def test_every_code_has_one_module() -> None:
    capture = still(astronaut())
    codes = [signal_of(module, capture).code for module in SIGNALS]
    assert sorted(codes) == sorted(SignalCode)


def test_smoothing_the_face_raises_the_deficit() -> None:
    portrait = astronaut()
    face = portrait.mask(mesh.OVAL).astype(np.float32)
    values = []
    for sigma in (0.0, 0.6, 1.0, 2.0):
        soft = cv2.GaussianBlur(portrait.image, (0, 0), sigma) if sigma else portrait.image
        image = mixed(portrait.image, np.asarray(soft, np.uint8), face)
        values.append(value_of(texture_smoothing, still(portrait, image)))
    assert_rising(values)
    assert values[-1] - values[0] > 0.7  # octaves


def test_smoothing_everything_is_no_deficit() -> None:
    portrait = astronaut()
    soft = np.asarray(cv2.GaussianBlur(portrait.image, (0, 0), 2.0), np.uint8)
    assert not signal_of(texture_smoothing, still(portrait, soft)).fired


def test_a_seam_inside_the_contour_raises_the_step() -> None:
    portrait = astronaut()
    oval = portrait.points[list(mesh.OVAL)]
    patch = mesh.hull_mask(portrait.image.shape, oval.mean(0) + 0.88 * (oval - oval.mean(0)))
    share = np.asarray(cv2.GaussianBlur(patch.astype(np.float32), (0, 0), 1.0), np.float32)
    values = []
    for shift in (0, 15, 30, 60):
        tinted = np.clip(portrait.image.astype(float) + np.array([0, shift, shift]), 0, 255)
        image = mixed(portrait.image, tinted.astype(np.uint8), share)
        values.append(value_of(boundary_artifacts, still(portrait, image)))
    assert_rising(values)
    assert values[-1] > POLICY.number("vision.boundary_artifacts.threshold")


def test_a_tinted_neck_raises_the_chroma_difference() -> None:
    portrait = astronaut()
    below = (~portrait.mask(mesh.OVAL)).astype(np.float32)
    values = []
    for shift in (5, 10, 15):
        colour = portrait.image.astype(float) + np.array([-shift, 0, shift])
        image = mixed(portrait.image, np.clip(colour, 0, 255).astype(np.uint8), below)
        values.append(value_of(skin_tone_mismatch, still(portrait, image)))
    assert_rising(values)


def test_blurred_teeth_raise_the_deficit() -> None:
    portrait = astronaut()
    mouth = portrait.mask(mesh.INNER_LIPS).astype(np.float32)
    values = []
    for sigma in (0.0, 1.0, 2.0, 4.0):
        soft = cv2.GaussianBlur(portrait.image, (0, 0), sigma) if sigma else portrait.image
        image = mixed(portrait.image, np.asarray(soft, np.uint8), mouth)
        values.append(value_of(teeth_rendering, still(portrait, image)))
    assert_rising(values)


def with_lids(landmarks: FloatArray, openness: float) -> FloatArray:
    moved = landmarks.copy()
    for eye in (mesh.EYE_LEFT, mesh.EYE_RIGHT):
        points = moved[list(eye)]
        middle = points[:, 1].mean()
        moved[list(eye), 1] = middle + openness * (points[:, 1] - middle)
    return moved


def blinking(deepest: float, middles: Sequence[int] = (12, 36)) -> Capture:
    landmarks = astronaut().landmarks
    openness = np.ones(50)
    for middle in middles:
        openness[middle - 2 : middle + 3] = (1 + deepest) / 2
        openness[middle] = deepest
    return capture_of([], [with_lids(landmarks, float(o)) for o in openness])


def test_half_closed_lids_raise_the_closure() -> None:
    values = [value_of(blink_failure, blinking(deepest)) for deepest in (0.1, 0.3, 0.5, 0.65)]
    assert_rising(values)
    assert not signal_of(blink_failure, blinking(0.2)).fired
    assert signal_of(blink_failure, blinking(0.66)).fired


def test_one_shallow_dip_may_be_a_glance() -> None:
    assert signal_of(blink_failure, blinking(0.66, (26,))).p_attack is None
    assert value_of(blink_failure, blinking(0.2, (26,))) < 0.5


def test_sparse_frames_of_the_blink_step_do_not_show_its_bottom() -> None:
    landmarks = astronaut().landmarks
    frames = [with_lids(landmarks, openness) for openness in (1.0, 1.0, 0.7, 0.95, 1.0, 1.0)]
    steps = [None, *(Step.BLINK,) * 5]
    assert signal_of(blink_failure, capture_of([], frames, steps=steps, rate_hz=8)).p_attack is None
    assert signal_of(blink_failure, capture_of([], frames, steps=steps, rate_hz=25)).fired


def test_without_a_blink_nothing_is_measured() -> None:
    assert signal_of(blink_failure, blinking(1.0)).p_attack is None


def test_open_eyes_in_the_blink_step_fire() -> None:
    landmarks = astronaut().landmarks
    steps = [None, Step.BLINK, None, None, None, None]
    six = [with_lids(landmarks, 1.0)] * 6
    assert signal_of(blink_failure, capture_of([], six, steps=steps)).fired
    six[1] = with_lids(landmarks, 0.2)
    assert not signal_of(blink_failure, capture_of([], six, steps=steps)).fired


def speaking(opening: float) -> Capture:
    landmarks = astronaut().landmarks
    width = float(mesh.face_width(landmarks))
    frames = []
    for t in np.arange(50) / 25:
        moved = landmarks.copy()
        moved[14] = moved[13]
        moved[14, 1] += opening * width * abs(np.sin(6 * t))
        frames.append(moved)
    return capture_of([], frames, audio=speech(2.0, (0.2, 1.8)))


def test_a_still_mouth_during_speech_fires() -> None:
    values = [value_of(mouth_anomaly, speaking(opening)) for opening in (0.12, 0.06, 0.03, 0.0)]
    assert_rising(values)
    assert signal_of(mouth_anomaly, speaking(0.0)).fired
    assert not signal_of(mouth_anomaly, speaking(0.12)).fired


def test_without_speech_the_mouth_is_not_judged() -> None:
    landmarks = astronaut().landmarks
    signal = signal_of(mouth_anomaly, capture_of([], [landmarks] * 20))
    assert signal.p_attack is None
    assert not signal.fired


def test_a_flat_picture_is_more_planar_than_a_head() -> None:
    assert_rising([value_of(flat_rotation, turned(depth)) for depth in (1.0, 0.6, 0.3, 0.0)])
    assert signal_of(flat_rotation, turned(0.0)).fired
    assert not signal_of(flat_rotation, turned(1.0)).fired


def test_without_a_turn_nothing_is_measured() -> None:
    assert signal_of(flat_rotation, capture_of([], [astronaut().landmarks] * 12)).p_attack is None


def trembling(noise_px: float) -> Capture:
    landmarks = astronaut().landmarks
    random = np.random.default_rng(3)
    frames = [
        landmarks + random.normal(0, noise_px, landmarks.shape).astype(np.float32)
        for _ in range(60)
    ]
    return capture_of([], frames)


def test_trembling_points_raise_the_instability() -> None:
    values = [value_of(temporal_instability, trembling(noise)) for noise in (0.1, 0.5, 1.0, 3.0)]
    assert_rising(values)
    assert signal_of(temporal_instability, trembling(3.0)).fired
    assert not signal_of(temporal_instability, trembling(0.1)).fired


def test_rigid_motion_is_no_instability() -> None:
    landmarks = astronaut().landmarks
    frames = []
    for t in np.arange(60) / 25:
        turn = cv2.getRotationMatrix2D((200.0, 200.0), 10 * np.sin(5 * t), 1 + 0.1 * np.sin(3 * t))
        moved = landmarks.copy()
        moved[:, :2] = landmarks[:, :2] @ turn[:, :2].T + turn[:, 2] + 20 * np.sin(4 * t)
        frames.append(moved)
    assert value_of(temporal_instability, capture_of([], frames)) < 0.1


@pytest.mark.parametrize("module", SIGNALS)
def test_noise_instead_of_a_face_raises_nothing(module: ModuleType) -> None:
    noise: Image = np.random.default_rng(1).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    nowhere = np.full((478, 3), np.nan, np.float32)
    signal = signal_of(module, capture_of([noise] * 5, [nowhere] * 5))
    assert signal.p_attack is None
    assert not signal.fired
