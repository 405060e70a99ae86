"""Sensor figures against closed forms: noise that was put in, grids that were drawn."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from layers.capture.sensor import SensorFigures, SensorMeter
from layers.capture.types import FloatArray, Image

_SHAPE = (240, 320)


def _ramp() -> FloatArray:
    across = np.linspace(40, 200, _SHAPE[1], dtype=np.float32)
    return np.broadcast_to(across, _SHAPE).copy()


def _rgb(grey: FloatArray) -> Image:
    whole = np.clip(np.round(grey), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(whole[..., None], 3, axis=2))


def _figures(pictures: Sequence[Image]) -> SensorFigures:
    meter = SensorMeter()
    for picture in pictures:
        meter.look(picture)
    figures = meter.figures()
    assert figures is not None
    return figures


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_noise_is_what_was_put_in(sigma: float) -> None:
    chance = np.random.default_rng(0)
    pictures = [_rgb(_ramp() + chance.normal(0, sigma, _SHAPE)) for _ in range(14)]
    figures = _figures(pictures)
    # Rounding to whole grey levels adds 1/12 to the variance.
    assert figures.noise == pytest.approx(np.sqrt(sigma**2 + 1 / 12), rel=0.03)
    assert figures.still_share == 0.0
    assert abs(figures.noise_by_brightness) < 0.15


def test_noise_that_grows_with_the_light_is_told() -> None:
    chance = np.random.default_rng(0)
    deviation = _ramp() / 60
    pictures = [_rgb(_ramp() + deviation * chance.normal(0, 1, _SHAPE)) for _ in range(14)]
    assert _figures(pictures).noise_by_brightness > 0.8


def test_a_still_has_no_noise_and_flicker_is_none() -> None:
    still = _figures([_rgb(_ramp())] * 14)
    assert (still.noise, still.still_share) == (0.0, 1.0)
    flicker = _figures([_rgb(np.round(_ramp()) + 4 * (k % 2)) for k in range(14)])
    assert flicker.noise == pytest.approx(0.0, abs=1e-6)
    assert flicker.still_share == 0.0


def _blocky(x0: int, y0: int) -> Image:
    chance = np.random.default_rng(1)
    fine = chance.normal(0, 1.5, _SHAPE)
    blocks = chance.normal(0, 6, (40, 50)).repeat(8, axis=0).repeat(8, axis=1)
    return _rgb(120 + fine + blocks[8 - y0 : 248 - y0, 8 - x0 : 328 - x0])


def test_a_block_grid_is_found_where_it_lies() -> None:
    own = _figures([_blocky(0, 0)] * 3)
    assert own.grid > 2
    assert own.foreign_grid < 1.3
    cropped = _figures([_blocky(3, 5)] * 3)
    assert cropped.grid < 1.3
    assert cropped.foreign_grid > 2
    assert cropped.foreign_offset == (3, 5)


def test_an_enlarged_picture_reaches_less_far() -> None:
    chance = np.random.default_rng(2)
    sharp = _rgb(
        np.asarray(cv2.GaussianBlur(chance.normal(120, 60, _SHAPE), (0, 0), 0.6), np.float32)
    )
    half = cv2.resize(sharp, (160, 120), interpolation=cv2.INTER_AREA)
    large = np.asarray(cv2.resize(half, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)
    assert _figures([sharp] * 3).reach > 0.9
    assert _figures([large] * 3).reach < 0.75


def test_one_picture_says_nothing_of_time() -> None:
    meter = SensorMeter()
    meter.look(_rgb(_ramp()))
    assert meter.figures() is None
