"""Cues of screens and prints, on grids and motions made by code."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from layers.capture.types import Capture, FloatArray, Image
from layers.vision.presentation import NAME, moire, plane, risk_source, source
from layers.vision.presentation.cue import Cue, spread_rows
from tests.layers.vision.vision_builders import astronaut, capture_of, still
from verdict.policy import load_policy

POLICY = load_policy()
MOIRE = POLICY.number("vision.presentation.moire.threshold")
GRID = (12 / 64, 6 / 64)  # cycles per px, on a bin of the spectrum
PLANAR = POLICY.number("vision.presentation.planar_motion.threshold")


def gridded(amplitude: float, colours: tuple[float, float, float] = (1, 1, 1)) -> Image:
    """The portrait behind a grid of 0.21 cycles per px at about 27 degrees."""
    image = astronaut().image
    rows, columns = np.indices(image.shape[:2])
    wave = np.cos(2 * np.pi * (GRID[0] * columns + GRID[1] * rows))[..., None]
    return np.asarray(np.clip(image + amplitude * wave * np.array(colours), 0, 255), np.uint8)


def moved_flat(step: float, n: int = 5) -> Capture:
    """The portrait held as a print: shifted, turned and tilted from frame to frame."""
    portrait = astronaut()
    height, width = portrait.image.shape[:2]
    images, landmarks = [], []
    for k in range(n):
        turn = 0.02 * k * step
        matrix = np.array(
            [[1, -turn, 6 * k * step], [turn, 1 - turn, -4 * k * step], [1e-4 * turn, 0, 1]]
        )
        images.append(_warp(portrait.image, matrix, (width, height)))
        points = portrait.landmarks.copy()
        points[:, :2] = cv2.perspectiveTransform(points[None, :, :2], matrix)[0]
        landmarks.append(points)
    return capture_of(images, landmarks)


def moved_head(n: int = 5) -> Capture:
    """The same face sliding to and fro before a room at rest."""
    portrait = astronaut()
    height, width = portrait.image.shape[:2]
    random = np.random.default_rng(3)
    room = cv2.resize(
        random.uniform(40, 200, (height // 8, width // 8, 3)).astype(np.float32), (width, height)
    )
    weight = cv2.GaussianBlur(portrait.mask(tuple(range(468))).astype(np.float32), (0, 0), 3)
    images, landmarks = [], []
    for k in range(n):
        shift = 10.0 * (k % 2)
        matrix = np.array([[1, 0, shift], [0, 1, 0], [0, 0, 1]], float)
        face = _warp(portrait.image, matrix, (width, height))
        share = cv2.warpPerspective(weight, matrix, (width, height))[..., None]
        images.append((face * share + room * (1 - share)).astype(np.uint8))
        landmarks.append(portrait.landmarks + np.array([shift, 0, 0], np.float32))
    return capture_of(images, landmarks)


def _warp(image: Image, matrix: FloatArray, size: tuple[int, int]) -> Image:
    warped = cv2.warpPerspective(image, matrix, size, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(warped, np.uint8)


def test_a_plain_face_and_noise_have_no_grid() -> None:
    portrait = astronaut()
    noise = np.random.default_rng(2).normal(128, 12, portrait.image.shape)
    for image in (portrait.image, np.clip(noise, 0, 255).astype(np.uint8)):
        value = moire.measure(still(portrait, image)).value
        assert value is not None
        assert value < MOIRE - 0.5


def test_a_grid_is_found_with_its_period() -> None:
    cue = moire.measure(still(astronaut(), gridded(5.0), n=3))
    assert cue.value is not None
    assert cue.value > MOIRE
    assert cue.frames == (0, 1, 2)
    assert f"period {1 / math.hypot(*GRID):.1f} px at 27 degrees" in cue.note


def test_a_grid_in_colour_alone_is_found() -> None:
    cue = moire.measure(still(astronaut(), gridded(8.0, (1.0, -0.51, 0.0))))
    assert cue.value is not None
    assert cue.value > MOIRE


def test_a_stronger_grid_is_a_higher_peak() -> None:
    portrait = astronaut()
    values = [moire.measure(still(portrait, gridded(level))).value for level in (0, 3, 6, 12)]
    assert None not in values
    assert values == sorted(values, key=lambda value: value or 0.0)


def test_a_grid_in_one_frame_of_three_is_none() -> None:
    portrait = astronaut()
    images = [portrait.image, gridded(12.0), portrait.image]
    value = moire.measure(capture_of(images, [portrait.landmarks] * 3)).value
    assert value is not None
    assert value < MOIRE


def test_blocks_of_eight_pixels_are_no_grid() -> None:
    image = astronaut().image.astype(int)
    image[::8] += 6
    image[:, ::8] += 6
    value = moire.measure(still(astronaut(), np.clip(image, 0, 255).astype(np.uint8))).value
    assert value is not None
    assert value < MOIRE


def test_a_print_moves_as_one_plane() -> None:
    cue = plane.measure(moved_flat(1.0))
    assert cue.value is not None
    assert cue.value > PLANAR
    assert cue.frames == (0, 1, 2, 3, 4)


def test_a_head_before_a_room_does_not() -> None:
    value = plane.measure(moved_head()).value
    assert value is not None
    assert value < PLANAR - 1.0


@pytest.mark.parametrize(
    ("capture", "reason"),
    [
        (moved_flat(0.0), "too little motion"),
        (moved_flat(1.0, n=3), "fewer than four"),
    ],
    ids=["at rest", "three frames"],
)
def test_planar_motion_says_why_it_was_not_measured(capture: Capture, reason: str) -> None:
    cue = plane.measure(capture)
    assert cue.value is None
    assert reason in cue.note


def small(n: int = 5) -> Capture:
    """A face of 45 px."""
    portrait = astronaut()
    image = cv2.resize(portrait.image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return capture_of([image.astype(np.uint8)] * n, [portrait.landmarks * np.float32(0.25)] * n)


def test_the_source_is_absent_when_nothing_can_be_measured() -> None:
    assert risk_source(small(), POLICY) is None
    assert risk_source(moved_flat(1.0).without_images(), POLICY) is None


def test_the_source_is_the_stronger_cue_and_names_both() -> None:
    found = risk_source(moved_flat(1.0), POLICY)
    assert found is not None
    assert found.name == NAME
    assert found.p_attack > 0.70
    by_name = {one.name: one for one in found.measurements}
    assert by_name["planar_motion"].threshold == PLANAR
    assert by_name["moire"].value is not None
    assert by_name["moire"].frames


def test_a_cue_that_was_not_measured_says_so() -> None:
    found = risk_source(still(astronaut()), POLICY)
    assert found is not None
    assert found.p_attack < 0.5
    planar = next(one for one in found.measurements if one.name == "planar_motion")
    assert planar.value is None
    assert planar.note.startswith("not measured: ")


@pytest.mark.parametrize(("name", "threshold"), [("moire", MOIRE), ("planar_motion", PLANAR)])
def test_the_operating_point_falls_on_seventy(name: str, threshold: float) -> None:
    at, above, below = (
        source.p_attack(Cue(name, threshold + step), POLICY) for step in (0, 0.2, -0.2)
    )
    assert at == pytest.approx(0.70)
    assert above is not None
    assert below is not None
    assert below < 0.70 < above
    assert source.p_attack(Cue(name, None), POLICY) is None


def test_frames_are_spread_over_those_with_a_face() -> None:
    portrait = astronaut()
    landmarks = [portrait.landmarks] * 9
    landmarks[4] = np.full_like(portrait.landmarks, np.nan)
    capture = capture_of([portrait.image] * 9, landmarks)
    assert spread_rows(capture, 3) == [0, 5, 8]
    assert spread_rows(capture, 20) == [0, 1, 2, 3, 5, 6, 7, 8]
    assert spread_rows(capture.without_images(), 3) == []
