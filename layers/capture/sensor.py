"""What the pixels say of the sensor: noise over time, block grids, where the spectrum ends.

Measured while frames are decoded, because the liveness layer sees no pixels. Every figure
describes the whole chain of camera, driver, scaling and codec, never the camera alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from layers.capture.arrays import FloatArray, Image

_BLOCK_PX = 16
# A block whose grey levels deviate less has no texture that motion could be mistaken for noise of.
_FLAT_DEVIATION = 3.0
# Clipped black and white hold no noise, whoever made them.
_DARKEST, _BRIGHTEST = 16.0, 235.0
_FEWEST_BLOCKS = 8
# ISO/IEC 10918-1 (JPEG), A.1: blocks of 8 by 8, from the upper left corner on.
_GRID_PX = 8
_REACH_SHARE = 0.995
# Consecutive pairs and single frames that are looked at, of every so many.
_NOISE_EVERY = 3
_SPECTRUM_EVERY = 12

_Profile = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SensorFigures:
    """What a capture's pixels say of what took them; NaN where it could not be measured.

    Parameters
    ----------
    noise
        Temporal noise of flat blocks in grey levels: deviation of the difference of two
        consecutive frames over the square root of 2; median over blocks, then over frames.
    still_share
        Share of flat blocks in which not one pixel changed from one frame to the next.
    noise_by_brightness
        Rank correlation of a flat block's noise with its brightness. A sensor's noise depends on
        the light (gamma mostly turns it round); synthetic noise does not.
    grid, foreign_grid
        Steps across the borders of 8 by 8 blocks over the steps within, at the offset 0 of the
        picture's own codec, and at the strongest other one: 1 without blocks.
    foreign_offset
        That other offset in px, (x, y).
    reach
        Share of the Nyquist frequency below which 99.5 % of the gradient's energy lies.
    """

    noise: float = float("nan")
    still_share: float = float("nan")
    noise_by_brightness: float = float("nan")
    grid: float = float("nan")
    foreign_grid: float = float("nan")
    foreign_offset: tuple[int, int] = (0, 0)
    reach: float = float("nan")


class SensorMeter:
    """Looks at the frames of one capture as they are decoded."""

    def __init__(self) -> None:
        self._seen = 0
        self._before: FloatArray | None = None
        self._noise: list[tuple[float, float, float]] = []
        self._steps: list[tuple[_Profile, _Profile]] = []
        self._reaches: list[float] = []

    def look(self, image: Image) -> None:
        """Take the next frame, RGB."""
        phase = self._seen % _NOISE_EVERY
        wide = self._seen % _SPECTRUM_EVERY == 1
        self._seen += 1
        if phase > 1 and not wide:
            self._before = None
            return
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)
        if phase == 1 and self._before is not None and self._before.shape == grey.shape:
            self._noise.append(_temporal_noise(self._before, grey))
        if wide and min(grey.shape) >= 4 * _GRID_PX:
            self._steps.append((_steps(grey), _steps(grey.T)))
            self._reaches.append(_reach(grey))
        self._before = grey

    def figures(self) -> SensorFigures | None:
        """Return what was measured; None when there was nothing to measure on."""
        if not self._noise and not self._steps:
            return None
        noise, still, by_brightness = (
            _median([values[k] for values in self._noise]) for k in range(3)
        )
        grid, foreign, offset = _grids(self._steps)
        return SensorFigures(
            noise, still, by_brightness, grid, foreign, offset, _median(self._reaches)
        )


def _temporal_noise(before: FloatArray, after: FloatArray) -> tuple[float, float, float]:
    """Return noise, share of unchanged flat blocks, and rank correlation with brightness."""
    change, mean = _blocks(after - before), _blocks((after + before) / 2)
    level = mean.mean(axis=1)
    flat = (mean.std(axis=1) < _FLAT_DEVIATION) & (level > _DARKEST) & (level < _BRIGHTEST)
    if flat.sum() < _FEWEST_BLOCKS:
        return float("nan"), float("nan"), float("nan")
    # A lamp that flickers moves the whole block: that is no noise.
    own = change[flat].std(axis=1) / np.sqrt(2.0)
    still = float((change[flat] == 0).all(axis=1).mean())
    ranks = [np.argsort(np.argsort(values)) for values in (own, level[flat])]
    related = float(np.corrcoef(ranks[0], ranks[1])[0, 1])
    return float(np.median(own)), still, related


def _blocks(grey: FloatArray) -> FloatArray:
    height, width = (side // _BLOCK_PX for side in grey.shape)
    cut = grey[: height * _BLOCK_PX, : width * _BLOCK_PX]
    cut = cut.reshape(height, _BLOCK_PX, width, _BLOCK_PX).swapaxes(1, 2)
    blocks: FloatArray = cut.reshape(height * width, _BLOCK_PX * _BLOCK_PX)
    return blocks


def _steps(grey: FloatArray) -> _Profile:
    """Return (8,) the mean step to the column before, by column number modulo 8."""
    # Against the mean of the steps beside it: edges and gradients of the scene cancel out.
    step = np.abs(np.diff(grey, axis=1)).mean(axis=0, dtype=np.float64)
    excess = step[1:-1] - (step[:-2] + step[2:]) / 2
    columns = np.arange(2, 2 + len(excess)) % _GRID_PX
    scale = max(float(np.median(step)), 1e-3)
    return np.array([1 + np.median(excess[columns == k]) / scale for k in range(_GRID_PX)])


def _grids(steps: list[tuple[_Profile, _Profile]]) -> tuple[float, float, tuple[int, int]]:
    if not steps:
        return float("nan"), float("nan"), (0, 0)
    across, down = (np.median([one[k] for one in steps], axis=0) for k in range(2))
    x, y = (1 + int(np.argmax(profile[1:])) for profile in (across, down))
    own = min(across[0], down[0])
    return float(own), float(min(across[x], down[y])), (x, y)


def _reach(grey: FloatArray) -> float:
    """Return the share of Nyquist below which almost all of the gradient's energy lies."""
    reaches = []
    for lines in (grey, grey.T):
        gradient = np.diff(lines, axis=1) * np.hanning(lines.shape[1] - 1).astype(np.float32)
        power = np.square(np.abs(np.fft.rfft(gradient, axis=1))).mean(axis=0)
        share = np.cumsum(power) / max(float(power.sum()), 1e-9)
        reaches.append(float(np.searchsorted(share, _REACH_SHARE) / (len(power) - 1)))
    return float(np.mean(reaches))


def _median(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")
