"""Whether eyes and mouth are there in the pixels: a mesh draws them behind whatever covers them."""

from __future__ import annotations

from typing import Final

import numpy as np

from layers.capture.types import FloatArray, Image

# Two corners of each part, and its height over its width: image-left eye, image-right eye, mouth.
_PARTS: Final = ((33, 133, 0.6), (362, 263, 0.6), (61, 291, 0.5))
_LOW, _HIGH = 5.0, 95.0


def part_contrast(grey: Image, landmarks: FloatArray) -> FloatArray:
    """Return the contrast of both eyes and the mouth, over the brightness of the face.

    Parameters
    ----------
    grey : uint8 (H, W)
    landmarks : float32 (478, 3)
        In pixels of the picture; NaN without a face.

    Returns
    -------
    float32 (3,)
        95th less 5th percentile of the grey in the box around the part, over the mean grey of
        the face's box: iris, lids and lips are darker than skin in any light. NaN where the part
        lies outside the picture.
    """
    contrast = np.full(3, np.nan, np.float32)
    if not np.isfinite(landmarks[0, 0]):
        return contrast
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    face = _box(grey, low, high)
    for k, (one, other, height) in enumerate(_PARTS):
        corners = landmarks[[one, other], :2]
        half = float(np.linalg.norm(corners[1] - corners[0])) / 2
        reach = np.array([half, height * half])
        part = _box(grey, corners.mean(axis=0) - reach, corners.mean(axis=0) + reach)
        if part.size >= 4:
            dark, light = np.percentile(part, (_LOW, _HIGH))
            contrast[k] = (light - dark) / max(1.0, float(face.mean()))
    return contrast


def _box(grey: Image, low: FloatArray, high: FloatArray) -> Image:
    x0, y0 = np.maximum(np.floor(low), 0).astype(int)
    x1, y1 = np.maximum(np.ceil(high), 0).astype(int)
    return grey[y0 : y1 + 1, x0 : x1 + 1]
