"""Replays made by code: a real clip shown on a screen, or printed, and recorded once more.

What the camera sees of a display is computed and not painted: the stripes of the display are a
sum of harmonics, each weakened by what the lens and the aperture of a pixel let through, then
sampled at the camera's own grid and colour filter. Harmonics beyond half the sampling rate fold
back: that is the moire. They are simulations all the same; see docs/presentation.md.

References
----------
Patel, Han and Jain, "Secure Face Unlock: Spoof Detection on Smartphones", TIFS 2016 (moire of
replays); Goodman, Introduction to Fourier Optics (transfer functions of lens and aperture); Sun,
Yu and Wang, "Moire Photo Restoration", TIP 2018 (the order display, lens, colour filter, encode).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from layers.capture.types import FloatArray, Image
from layers.vision.training.self_blend import jpeg

Floats = npt.NDArray[np.float32]
HARMONICS = 3
# Share of the pitch that one colour's stripe and one row of pixels light up.
STRIPE, ROW = 0.27, 0.82
GAMMA = 2.2
# A warmer and a cooler white than the room's; screens of laptops and phones are mostly cool.
TINTS = ((0.90, 1.0, 1.12), (1.06, 1.0, 0.90))
SCREEN_ANGLES_DEG = (15.0, 75.0, 0.0, 45.0)  # cyan, magenta, yellow, black: the printers' usual
CHEQUERBOARD = 4 / np.pi**2


@dataclass(frozen=True, slots=True)
class Camera:
    """What records the replay.

    Parameters
    ----------
    aperture
        Width of the light-sensitive area over the pitch of the stored picture: 0.95 for a full
        grid, 0.5 for a sensor that skips every other line.
    lens_px
        Standard deviation of the blur of lens and focus, in stored pixels.
    noise
        Standard deviation of the grain at half of full scale, in grey levels of 255.
    quality
        Of the JPEG that each frame passes.
    """

    name: str
    aperture: float = 0.95
    lens_px: float = 0.4
    noise: float = 2.0
    quality: int = 85


@dataclass(frozen=True, slots=True)
class Screen:
    """A display that plays the clip.

    Parameters
    ----------
    pitch
        Display pixels for each pixel of the camera's picture: below 1 for a monitor seen from
        near, 2 and more for a phone.
    black
        Linear level of black: leaking back light and reflected room.
    glare
        Strength of one reflected lamp, 0 for none.
    bands
        Depth of the brightness bands by which refresh and shutter beat.
    tint
        White of the display.
    lamp
        Where the lamp is reflected, down, across and radius, in shares of the picture.
    """

    name: str
    pitch: float
    black: float = 0.02
    glare: float = 0.15
    bands: float = 0.02
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    lamp: tuple[float, float, float] = (0.25, 0.75, 0.12)


@dataclass(frozen=True, slots=True)
class Print:
    """A printed frame of the clip.

    Parameters
    ----------
    cells
        Halftone cells for each pixel of the camera's picture; 0 for a photographic print.
    black, white, saturation
        The narrowed gamut of ink on paper, linear.
    """

    name: str
    cells: float
    black: float = 0.05
    white: float = 0.8
    saturation: float = 0.75


def screen_shot(
    content: Image, there: Floats, screen: Screen, camera: Camera, random: np.random.Generator,
    phase: float,
) -> Image:  # fmt: skip
    """Photograph a display that shows `content`.

    Parameters
    ----------
    content
        (H, W, 3) picture, already as the camera would see it without a display in between.
    there
        (H, W, 2) for each pixel of the camera, where on the display it looks, in display pixels.
    phase
        Of the brightness bands, in turns.
    """
    light = (content.astype(np.float32) / 255.0) ** GAMMA
    light = screen.black + (1 - screen.black) * light * np.array(screen.tint, np.float32)
    along = _stripes(there[..., 1], ROW, 0.0, screen.pitch, camera)
    for channel in range(3):
        across = _stripes(there[..., 0], STRIPE, channel / 3, screen.pitch, camera)
        light[..., channel] *= across * along
    height, width = content.shape[:2]
    rows = np.arange(height, dtype=np.float32)[:, None, None] / height
    light *= 1 + screen.bands * np.cos(2 * np.pi * (2.0 * rows + phase), dtype=np.float32)
    if screen.glare:
        light += screen.glare * _lamp((height, width), screen.lamp)[..., None]
    return exposed(light, camera, random)


def print_shot(
    content: Image, there: Floats, paper: Print, camera: Camera, random: np.random.Generator
) -> Image:
    """Photograph a print of `content`; `there` is in pixels of the camera, on the paper."""
    light = (content.astype(np.float32) / 255.0) ** GAMMA
    grey = light.mean(axis=2, keepdims=True)
    light = grey + paper.saturation * (light - grey)
    if paper.cells:
        light = _halftoned(light, there, paper, camera)
    light = paper.black + (paper.white - paper.black) * np.clip(light, 0, 1)
    fibres = cv2.GaussianBlur(random.normal(0, 1, light.shape[:2]).astype(np.float32), (0, 0), 1.2)
    return exposed(light * (1 + 0.03 * fibres[..., None]), camera, random)


def exposed(light: Floats, camera: Camera, random: np.random.Generator) -> Image:
    """Linear light to a stored frame: exposure, colour filter, grain, demosaicing, gamma, JPEG."""
    light = light * (0.85 / max(float(np.percentile(light, 98)), 1e-3))
    height, width = (side - side % 2 for side in light.shape[:2])
    raw = light[:height, :width, 1].copy()  # RGGB
    raw[0::2, 0::2] = light[0:height:2, 0:width:2, 0]
    raw[1::2, 1::2] = light[1:height:2, 1:width:2, 2]
    # Shot noise grows with the root of the light; the level is given after the gamma at one half.
    slope = GAMMA * 0.5 ** (1 - 1 / GAMMA)
    grain = np.sqrt(np.maximum(raw, 0) / 0.5**GAMMA + 0.02) * 0.5 ** (GAMMA - 1) * slope
    raw += camera.noise / 255.0 * grain * random.normal(0, 1, raw.shape).astype(np.float32)
    code = np.rint(np.clip(raw, 0, 1) ** (1 / GAMMA) * 65535).astype(np.uint16)
    rgb = cv2.cvtColor(code, cv2.COLOR_BayerRGGB2RGB)
    return jpeg((rgb // 257).astype(np.uint8), camera.quality)


def _stripes(at: Floats, lit: float, shift: float, pitch: float, camera: Camera) -> Floats:
    """Brightness of a pulse train of unit pitch and mean 1 after lens and aperture."""
    total: Floats = np.ones(at.shape, np.float32)
    for k in range(1, HARMONICS + 1):
        frequency = k * pitch
        depth = np.float32(2 * np.sinc(k * lit) * _passed(frequency, camera))
        total += depth * np.cos(2 * np.pi * k * (at - np.float32(shift)), dtype=np.float32)
    return total


def _passed(frequency: float, camera: Camera) -> float:
    """Contrast that lens and aperture leave at a frequency, in cycles per stored pixel."""
    lens = np.exp(-2 * (np.pi * camera.lens_px * frequency) ** 2)
    return float(lens * np.sinc(camera.aperture * frequency))


def _halftoned(light: Floats, there: Floats, paper: Print, camera: Camera) -> Floats:
    """Four inks in clustered dots, each at its angle: cover and first harmonics of the dots.

    The dots are where 2 + cos a + cos b is below 4 times the cover; half covered that is a
    chequerboard, whose first harmonics have 4 / pi^2, and none at no and full cover.
    """
    ink = 1 - np.clip(light, 0, 1)
    black = 0.7 * ink.min(axis=2)
    inks = [*np.moveaxis((ink - black[..., None]) / (1 - black[..., None] + 1e-6), 2, 0), black]
    passed = _passed(paper.cells, camera)
    out = np.ones_like(light)
    for number, (cover, angle) in enumerate(zip(inks, np.deg2rad(SCREEN_ANGLES_DEG), strict=True)):
        u = (there[..., 0] * np.cos(angle) + there[..., 1] * np.sin(angle)) * paper.cells
        v = (there[..., 1] * np.cos(angle) - there[..., 0] * np.sin(angle)) * paper.cells
        lattice = np.cos(2 * np.pi * u) + np.cos(2 * np.pi * v)
        bare = 1 - cover + CHEQUERBOARD * passed * np.sin(np.pi * np.clip(cover, 0, 1)) * lattice
        channels = slice(number, number + 1) if number < 3 else slice(None)
        out[..., channels] *= bare[..., None]
    return np.asarray(out, np.float32)


def _lamp(shape: tuple[int, int], lamp: tuple[float, float, float]) -> Floats:
    rows, columns = np.indices(shape, dtype=np.float32)
    away = (rows - lamp[0] * shape[0]) ** 2 + (columns - lamp[1] * shape[1]) ** 2
    return np.asarray(np.exp(-away / (2 * (lamp[2] * min(shape)) ** 2)), np.float32)


def set_up(screen: Screen, random: np.random.Generator) -> Screen:
    """The same display with a white and a lamp of its own, at rest for the whole recording."""
    down, across = random.uniform(0.1, 0.9, 2)
    tint = TINTS[int(random.integers(len(TINTS)))]
    return replace(screen, tint=tint, lamp=(down, across, random.uniform(0.06, 0.2)))


def warped(points: FloatArray, matrix: npt.NDArray[np.float64]) -> FloatArray:
    """(..., 2) points through a homography."""
    flat = cv2.perspectiveTransform(points.reshape(-1, 1, 2).astype(np.float64), matrix)
    return flat.reshape(points.shape).astype(np.float32)
