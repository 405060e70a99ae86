"""The replays made by code do what optics says: else what is measured on them means nothing."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from layers.capture.types import Image
from layers.vision import mesh
from layers.vision.presentation import moire, plane
from layers.vision.training.replay_clips import (
    CONTROLS,
    HELD,
    PLAIN,
    SIZE_PX,
    Species,
    replayed,
)
from layers.vision.training.replays import Camera, Floats, Print, Screen, print_shot, screen_shot
from tests.layers.vision.vision_builders import astronaut, capture_of, still
from verdict.policy import load_policy

POLICY = load_policy()
SIDE = 128
CLEAN = Camera("clean", aperture=0.5, lens_px=0.2, noise=0.0, quality=100)


def upright(pitch: float) -> Floats:
    rows, columns = np.indices((SIDE, SIDE))
    return np.asarray(np.stack([columns * pitch, rows * pitch], axis=2), np.float32)


def contrast_at(image: Image, cycles: float) -> float:
    """Amplitude of the green channel across, at a frequency in cycles per px."""
    line = image[..., 1].astype(float).mean(axis=0)
    wave = np.exp(-2j * np.pi * cycles * np.arange(len(line)))
    return float(2 * abs(np.mean((line - line.mean()) * wave * np.hanning(len(line)) * 2)))


def grey_screen(pitch: float, camera: Camera = CLEAN) -> Image:
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    screen = Screen("test", pitch, glare=0.0, bands=0.0)
    return screen_shot(grey, upright(pitch), screen, camera, np.random.default_rng(0), 0.0)


def test_a_pitch_above_the_camera_s_folds_back() -> None:
    # 1.125 cycles per px is not to be told from 0.125 at whole pixels: the moire.
    shot = grey_screen(1.125)
    assert contrast_at(shot, 0.125) > 5.0
    assert contrast_at(shot, 0.0625) < 0.2 * contrast_at(shot, 0.125)


def test_a_softer_lens_and_a_finer_display_leave_less_moire() -> None:
    sharp = contrast_at(grey_screen(1.125), 0.125)
    soft = contrast_at(grey_screen(1.125, replace(CLEAN, lens_px=0.5)), 0.125)
    assert soft < 0.5 * sharp
    assert contrast_at(grey_screen(3.125), 0.125) < 0.2 * sharp


def test_a_print_narrows_the_gamut() -> None:
    chart = np.zeros((SIDE, SIDE, 3), np.uint8)
    chart[:, : SIDE // 2] = (220, 40, 40)
    chart[:, SIDE // 2 :] = 255
    paper = Print("test", cells=0.0)
    shot = print_shot(chart, upright(1.0), paper, CLEAN, np.random.default_rng(0)).astype(int)
    red = shot[16:-16, 16 : SIDE // 2 - 16].mean(axis=(0, 1))
    assert red[1] > 60  # ink is not that pure, and black not that dark
    assert red[0] - red[1] < 180


def test_a_replay_carries_its_landmarks_and_is_reproducible() -> None:
    species = Species(Screen("test", 0.55), PLAIN, HELD)
    capture = still(astronaut(), n=2)
    one, two = (replayed(capture, species, seed=4) for _ in range(2))
    assert one is not None
    assert two is not None
    assert all(np.array_equal(a, b) for a, b in zip(one.images, two.images, strict=True))
    assert one.images[0].shape == (SIZE_PX[1], SIZE_PX[0], 3)
    assert np.all(one.track.thumbs.std(axis=(1, 2)) > 5)
    # The eyes are the darkest of the face: the pupils lie where the landmarks say.
    grey = cv2.cvtColor(one.images[0], cv2.COLOR_RGB2GRAY)
    points = one.track.landmarks[0, :, :2]
    for iris in (mesh.IRIS_LEFT, mesh.IRIS_RIGHT):
        x, y = np.rint(points[iris]).astype(int)
        face = grey[mesh.hull_mask(grey.shape, points[list(mesh.OVAL)])]
        assert grey[y - 2 : y + 3, x - 2 : x + 3].mean() < np.median(face)


def test_a_coarse_screen_is_found_and_the_control_is_not() -> None:
    capture = still(astronaut(), n=2)
    screen = replayed(capture, Species(Screen("test", 0.55), PLAIN, HELD), seed=1)
    control = replayed(capture, CONTROLS[0], seed=1)
    assert screen is not None
    assert control is not None
    threshold = POLICY.number("vision.presentation.moire.threshold")
    on_screen, real = moire.measure(screen).value, moire.measure(control).value
    assert on_screen is not None
    assert real is not None
    assert real < threshold < on_screen


def test_a_print_held_by_hand_is_one_plane() -> None:
    portrait = astronaut()
    capture = capture_of([portrait.image] * 6, [portrait.landmarks] * 6, rate_hz=4.0)
    held = replayed(capture, Species(Print("test", 0.0), PLAIN, HELD), seed=2)
    assert held is not None
    value = plane.measure(held).value
    assert value is not None
    assert value > POLICY.number("vision.presentation.planar_motion.threshold")


def test_no_face_makes_no_replay() -> None:
    capture = still(astronaut())
    capture.track.landmarks[:] = np.nan
    assert replayed(capture, CONTROLS[0]) is None


@pytest.mark.parametrize("name", ["moire", "planar_motion"])
def test_thresholds_have_a_spread(name: str) -> None:
    assert POLICY.number(f"vision.presentation.{name}.spread") > 0
