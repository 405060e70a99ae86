"""The grey thumbnail of a frame: repeats, stand-stills, loops and blends are looked for on it."""

from __future__ import annotations

import cv2
import numpy as np

from layers.capture.types import THUMB_SHAPE, Image


def thumb_of(grey: Image) -> Image:
    """Return uint8 (48, 64): every pixel the mean of those it stands for.

    Parameters
    ----------
    grey : uint8 (H, W)
    """
    height, width = THUMB_SHAPE
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
