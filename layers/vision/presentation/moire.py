"""Moire, pixel grid, halftone: a narrow peak in the spectrum of areas that have no texture.

Definition: squares of 64 px at the recording's own resolution, face and what is around it, the
smoother half by the gradient of the strongly blurred lightness; log power spectra under a Hann
window, averaged over the squares: lightness and two colour differences. The peak is the largest
rise of a frequency above the mean of the ring around it, in nepers of power; median over up to six
frames. A grid that is there in one frame only is none.

Source: moire of replays in the spectrum: Garcia and de Queiroz, "Face-spoofing 2D-detection based
on Moire-pattern analysis", TIFS 2015; Patel, Han and Jain, TIFS 2016; averaged periodograms: Welch,
"The use of fast Fourier transform for the estimation of power spectra", 1967.

Left out: below 0.1 cycles per px, where shading and the features of a face lie; in the lightness
the harmonics of 8 px blocks along both axes; in the colours both axes, since chroma blocks of
16 px fill them.

Limits: a display much finer than the camera's pixels (a phone at arm's length) leaves no grid.
A finely patterned wall or cloth that fills half of the picture is a grid, too.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft  # single precision stays single

from layers.capture.types import BoolArray, Capture, FloatArray, Image
from layers.vision import mesh
from layers.vision.presentation.cue import Cue, spread_rows

Corners = npt.NDArray[np.intp]

NAME = "moire"
MAX_FRAMES = 6
SIDE_PX, STEP_PX = 64, 32
MIN_FACE_PX = 60.0
MIN_SQUARES, MAX_SQUARES = 6, 24
AROUND = 0.5  # face widths
COARSE_PX = 3.0
# Squares this dark hold noise and quantisation only, squares this bright are clipped.
LIGHTNESS = (35.0, 235.0)
# Power of rounding to whole levels is 1/12; half a level squared keeps dead squares from peaking.
FLOOR = 0.5
LOWEST_BIN = 6.5
RING, INNER = 13, 5
BLOCK_BINS = 8
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_WINDOW: Final = np.outer(*(2 * (np.hanning(SIDE_PX + 2)[1:-1],))).astype(np.float32)


def measure(capture: Capture) -> Cue:
    """Median over the frames of the highest peak."""
    landmarks = capture.track.landmarks
    found: list[tuple[float, float, float]] = []
    rows = []
    for row in spread_rows(capture, MAX_FRAMES):
        image = capture.image_at(row)
        peak = None if image is None else strongest_peak(image, landmarks[row, :, :2])
        if peak is not None:
            found.append(peak)
            rows.append(row)
    if not found:
        return Cue(NAME, None, note="no face of 60 px with enough smooth surface around it")
    value = float(np.median([height for height, *_ in found]))
    nearest = min(found, key=lambda peak: abs(peak[0] - value))
    period = 1 / math.hypot(*nearest[1:])
    angle = math.degrees(math.atan2(nearest[2], nearest[1]))
    note = f"smooth squares of face and surround; period {period:.1f} px at {angle:.0f} degrees"
    return Cue(NAME, value, tuple(rows), note)


def strongest_peak(image: Image, points: FloatArray) -> tuple[float, float, float] | None:
    """Height in nepers and frequency (x, y, cycles per px); None without enough squares."""
    width = float(mesh.face_width(points))
    if not width >= MIN_FACE_PX:
        return None
    low = np.maximum(points.min(axis=0) - AROUND * width, 0).astype(int)
    high = (points.max(axis=0) + AROUND * width).astype(int)
    rgb = image[low[1] : high[1], low[0] : high[0]].astype(np.float32)
    light = rgb @ LUMA
    corners = _smooth_squares(light)
    if corners is None:
        return None
    red, green, blue = np.moveaxis(rgb, 2, 0)
    planes: tuple[tuple[FloatArray, BoolArray], ...] = (
        (light, _ALLOWED_LIGHT),
        (red - green, _ALLOWED_COLOUR),
        (blue - (red + green) / 2, _ALLOWED_COLOUR),
    )
    return max(_peak(_spectrum(plane, corners), allowed) for plane, allowed in planes)


def _smooth_squares(light: FloatArray) -> Corners | None:
    """(N, 2) upper left corners of the smoothest squares that are neither black nor burnt out."""
    if min(light.shape) < SIDE_PX:
        return None
    coarse = cv2.GaussianBlur(light, (0, 0), COARSE_PX)
    slope = np.hypot(cv2.Sobel(coarse, -1, 1, 0), cv2.Sobel(coarse, -1, 0, 1))
    rough, level = (_square_means(plane) for plane in (slope, light))
    usable = np.flatnonzero(((level > LIGHTNESS[0]) & (level < LIGHTNESS[1])).ravel())
    if len(usable) < MIN_SQUARES:
        return None
    most = max(MIN_SQUARES, min(MAX_SQUARES, len(usable) // 2))
    chosen = usable[np.argsort(rough.ravel()[usable], kind="stable")[:most]]
    return STEP_PX * np.stack(np.unravel_index(chosen, rough.shape), axis=1)


def _square_means(plane: FloatArray) -> FloatArray:
    total = cv2.integral(plane)
    corner = total[:-SIDE_PX:STEP_PX, :-SIDE_PX:STEP_PX]
    rows, columns = corner.shape
    right = total[:-SIDE_PX:STEP_PX, SIDE_PX::STEP_PX][:, :columns]
    below = total[SIDE_PX::STEP_PX, :-SIDE_PX:STEP_PX][:rows]
    both = total[SIDE_PX::STEP_PX, SIDE_PX::STEP_PX][:rows, :columns]
    return np.asarray((both - right - below + corner) / SIDE_PX**2, np.float32)


def _spectrum(plane: FloatArray, corners: Corners) -> FloatArray:
    """(64, 33) mean log power, rows in order of rising frequency."""
    squares = np.stack([plane[y : y + SIDE_PX, x : x + SIDE_PX] for y, x in corners])
    squares = (squares - squares.mean(axis=(1, 2), keepdims=True)) * _WINDOW
    power = np.abs(fft.rfft2(squares)) ** 2 / float((_WINDOW**2).sum())
    logarithm = np.log(power + FLOOR).mean(axis=0)
    return np.asarray(fft.fftshift(logarithm, axes=0), np.float32)


def _peak(spectrum: FloatArray, allowed: BoolArray) -> tuple[float, float, float]:
    margin = RING // 2
    # A real picture's spectrum is the same at the opposite frequency: that is what lies to the
    # left of the first column, and above and below it repeats.
    left = np.roll(spectrum[::-1, margin:0:-1], 1, axis=0)
    whole = np.pad(np.hstack([left, spectrum]), ((margin, margin), (0, 0)), mode="wrap")
    whole = np.pad(whole, ((0, 0), (0, margin)), mode="reflect")
    sums = [cv2.boxFilter(whole, -1, (k, k), normalize=False) for k in (RING, INNER)]
    ring = (sums[0] - sums[1]) / (RING**2 - INNER**2)
    rise = spectrum - ring[margin:-margin, margin:-margin]
    row, column = np.unravel_index(int(np.argmax(np.where(allowed, rise, -np.inf))), rise.shape)
    return (
        float(rise[row, column]),
        float(column) / SIDE_PX,
        (float(row) - SIDE_PX / 2) / SIDE_PX,
    )


def _allowed() -> tuple[BoolArray, BoolArray]:
    down = np.arange(-SIDE_PX // 2, SIDE_PX // 2)[:, None].astype(float)
    across = np.arange(SIDE_PX // 2 + 1)[None].astype(float)
    shared = np.hypot(down, across) >= LOWEST_BIN
    on_axis = [np.abs(part) <= 1 for part in (across, down)]
    # Distance to the nearest harmonic of the blocks.
    harmonic = [np.abs((part + 4) % BLOCK_BINS - 4) <= 1 for part in (across, down)]
    blocks = (on_axis[0] & harmonic[1]) | (on_axis[1] & harmonic[0])
    return shared & ~blocks, shared & ~on_axis[0] & ~on_axis[1]


_ALLOWED_LIGHT, _ALLOWED_COLOUR = _allowed()
