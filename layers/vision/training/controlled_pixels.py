"""Controlled attacks on pixels: one artefact of known strength, put into real frames by code.

Every function takes a capture and a strength from 0 (the capture itself) to 1. Landmarks, times and
sound stay as they were; amounts are in face widths, so that they mean the same at every resolution.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from layers.capture.types import Capture, FloatArray, Image
from layers.vision import mesh
from layers.vision.training.self_blend import jpeg

# What each artefact is at strength 1.
SMOOTHING_WIDTHS = 0.02  # deviation of the blur: 3 px on a face of 150 px
SEAM_LAB = 16.0  # CIE 1976 colour difference across the seam
TEETH_WIDTHS = 0.03
SHIFT_MIRED = 100.0  # 6500 K to 3940 K, or to 18,600 K
# Outline of the replaced patch: a share of the oval, or everything from the brows down.
PATCH_SHARES = (0.82, 0.88, 0.94)
SEAM_FEATHER_WIDTHS = 0.008
DAYLIGHT_MIRED = 1e6 / 6500.0
QUALITY = 90

Alter = Callable[[Image, FloatArray, float], FloatArray]


def encoded(capture: Capture, quality: int = QUALITY) -> Capture:
    """Every kept picture through JPEG: the altered capture and its twin go the same way."""
    return replace(capture, images=tuple(jpeg(image, quality) for image in capture.images))


def smoothed_face(capture: Capture, strength: float) -> Capture:
    """Blur the face out to its contour; neck, ears and hair stay sharp."""

    def alter(crop: Image, points: FloatArray, width: float) -> FloatArray:
        soft = _blurred(crop, strength * SMOOTHING_WIDTHS * width)
        return _mixed(crop, soft, _feathered(crop, points[list(mesh.OVAL)], 0.03 * width))

    return _each_face(capture, strength, alter)


def seamed_face(capture: Capture, strength: float) -> Capture:
    """Blend a recoloured copy of the face over it with a narrow edge inside the contour."""
    random = _random(capture)
    direction = random.normal(size=3)
    shift = (SEAM_LAB * strength / np.linalg.norm(direction) * direction).astype(np.float32)
    share_of_oval = float(random.choice(PATCH_SHARES))
    from_brows = bool(random.random() < 0.5)

    def alter(crop: Image, points: FloatArray, width: float) -> FloatArray:
        oval = points[list(mesh.OVAL)]
        outline = oval.mean(axis=0) + share_of_oval * (oval - oval.mean(axis=0))
        if from_brows:
            outline = outline[outline[:, 1] > points[list(mesh.FOREHEAD), 1].min()]
        share = _feathered(crop, outline, SEAM_FEATHER_WIDTHS * width)
        return _mixed(crop, _shifted(crop, shift), share)

    return _each_face(capture, strength, alter)


def blurred_teeth(capture: Capture, strength: float) -> Capture:
    """Blur what lies between the inner lips and pull its bright part towards one white."""

    def alter(crop: Image, points: FloatArray, width: float) -> FloatArray:
        inner = points[list(mesh.INNER_LIPS)]
        mask = mesh.hull_mask(crop.shape, inner)
        if mask.sum() < 20:
            return crop.astype(np.float32)
        whole = _blurred(crop, strength * TEETH_WIDTHS * width)
        light = whole.mean(axis=-1, keepdims=True)
        bright = np.percentile(light[mask], 80)
        # Half the way to the tooth's white where it is bright; a dark gap stays a dark gap.
        towards = 0.5 * strength * np.clip(light / max(bright, 1.0), 0, 1) ** 2
        white = whole * (1 - towards) + max(bright, 1.0) * towards
        return _mixed(crop, white, _feathered(crop, inner, 0.006 * width))

    return _each_face(capture, strength, alter)


def warmed_face(capture: Capture, strength: float) -> Capture:
    """Render the face under light of another colour temperature than the rest of the picture."""
    sign = 1.0 if _random(capture).random() < 0.5 else -1.0
    gain = temperature_gain(DAYLIGHT_MIRED + sign * strength * SHIFT_MIRED)

    def alter(crop: Image, points: FloatArray, width: float) -> FloatArray:
        linear = (crop.astype(np.float32) / 255.0) ** 2.2
        other = (np.clip(linear * gain, 0, 1) ** (1 / 2.2) * 255.0).astype(np.float32)
        share = _feathered(crop, points[list(mesh.OVAL)], 0.04 * width)
        return _mixed(crop, other, share)

    return _each_face(capture, strength, alter)


def temperature_gain(mired: float) -> FloatArray:
    """(3,) gains of linear R, G, B for light of a reciprocal temperature, green kept.

    References
    ----------
    Planckian locus after Kim et al., US patent 7,024,034 (cubic splines in 1/T); sRGB after IEC
    61966-2-1.
    """
    colour = _linear_rgb(mired) / _linear_rgb(DAYLIGHT_MIRED)
    gain: FloatArray = (colour / colour[1]).astype(np.float32)
    return gain


def _linear_rgb(mired: float) -> FloatArray:
    u = mired * 1e-3  # 1000 K / T
    if mired >= 250.0:
        x = ((-0.2661239 * u - 0.2343589) * u + 0.8776956) * u + 0.179910
    else:
        x = ((-3.0258469 * u + 2.1070379) * u + 0.2226347) * u + 0.240390
    if mired >= 1e6 / 2222.0:
        y = ((-1.1063814 * x - 1.34811020) * x + 2.18555832) * x - 0.20219683
    elif mired >= 250.0:
        y = ((-0.9549476 * x - 1.37418593) * x + 2.09137015) * x - 0.16748867
    else:
        y = ((3.0817580 * x - 5.87338670) * x + 3.75112997) * x - 0.37001483
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    matrix = np.array(
        [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
    )
    return np.asarray(np.maximum(matrix @ xyz, 0.02), np.float32)


def _each_face(capture: Capture, strength: float, alter: Alter) -> Capture:
    """Alter a crop around the face of every kept picture; strength 0 returns the capture."""
    if strength <= 0:
        return capture
    images = []
    for row, image in zip(capture.kept, capture.images, strict=False):
        points = capture.track.landmarks[row, :, :2]
        images.append(_altered(image, points, alter) if np.isfinite(points[0, 0]) else image)
    return replace(capture, images=tuple(images))


def _altered(image: Image, points: FloatArray, alter: Alter) -> Image:
    width = float(mesh.face_width(points))
    low = np.maximum(np.floor(points.min(axis=0) - 0.15 * width), 0).astype(int)
    high = np.ceil(points.max(axis=0) + 0.15 * width).astype(int)
    window = (slice(low[1], max(high[1], 0)), slice(low[0], max(high[0], 0)))
    crop = image[window]
    if min(crop.shape[:2]) < 8:
        return image
    result = image.copy()
    changed = alter(crop, (points - low).astype(np.float32), width)
    result[window] = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return result


def _shifted(crop: Image, shift: FloatArray) -> FloatArray:
    lab = cv2.cvtColor(crop.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB) + shift
    rgb = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(rgb, 0, 1) * 255.0, np.float32)


def _blurred(crop: Image, deviation_px: float) -> FloatArray:
    soft = cv2.GaussianBlur(crop.astype(np.float32), (0, 0), max(deviation_px, 0.05))
    return np.asarray(soft, np.float32)


def _feathered(crop: Image, outline: FloatArray, feather: float) -> FloatArray:
    inside = mesh.hull_mask(crop.shape, outline).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(inside, (0, 0), max(feather, 0.5)), np.float32)


def _mixed(crop: Image, other: FloatArray, share: FloatArray) -> FloatArray:
    weight = share[..., None]
    return np.asarray(crop * (1 - weight) + other * weight, np.float32)


def _random(capture: Capture) -> np.random.Generator:
    # The same recording always gets the same direction, whatever the strength.
    return np.random.default_rng(zlib.crc32(capture.track.thumbs[:1].tobytes()))
