"""Still pictures: the header is checked before a single pixel is decoded."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps

from layers.capture.errors import MediaLimitError, UnreadableMediaError
from layers.capture.files import FileKind, checked_file
from layers.capture.limits import CaptureLimits
from layers.capture.types import Image

_FORMATS = ("JPEG", "PNG", "WEBP")


def read_image(path: Path, limits: CaptureLimits) -> Image:
    """Decode one picture to RGB, upright, with its long side at most the working size.

    Raises
    ------
    MediaError
        When it is empty, too large, damaged or not a picture.
    """
    checked_file(path, limits, FileKind.IMAGE)
    try:
        with warnings.catch_warnings():
            # Our own limit is stricter than Pillow's warning; the header is all that is read here.
            warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)
            with PillowImage.open(path, formats=_FORMATS) as picture:
                _check_size(path.name, picture.size, limits)
                upright = ImageOps.exif_transpose(picture).convert("RGB")
                return fit(np.asarray(upright, np.uint8), limits.working_side_px)
    except PillowImage.DecompressionBombError:
        msg = f"{path.name}: more pixels than the limit of {limits.max_image_px / 1e6:.0f} million"
        raise MediaLimitError(msg) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, MediaLimitError):
            raise
        msg = f"{path.name}: the picture is damaged or cut off; take it again"
        raise UnreadableMediaError(msg) from None


def fit(image: Image, side_px: int) -> Image:
    """Scale an image down so that its long side is at most `side_px`."""
    height, width = image.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(image)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _check_size(name: str, size: tuple[int, int], limits: CaptureLimits) -> None:
    if size[0] * size[1] > limits.max_image_px:
        got, most = size[0] * size[1] / 1e6, limits.max_image_px / 1e6
        msg = f"{name}: {got:.0f} megapixels, the limit is {most:.0f}; send a smaller picture"
        raise MediaLimitError(msg)
