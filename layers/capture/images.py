"""Single pictures: the header is checked before a pixel is decoded."""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from PIL import UnidentifiedImageError

from layers.capture.errors import MediaLimitError, UnreadableMediaError
from layers.capture.limits import CaptureLimits
from layers.capture.types import Image

_FORMATS = ("JPEG", "PNG", "WEBP")
_EXIF_ORIENTATION = 0x0112
# What Pillow raises over files that are not whole.
_DAMAGE = (OSError, ValueError, SyntaxError, TypeError, struct.error)
# EXIF 2.32, tag 0x0112: degrees by which the stored picture is turned clockwise for display.
_TURNED_DEG = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
# The same tag: what brings the stored picture upright. Pillow's own call writes the other tags
# anew, too, and fails over damaged ones.
_UPRIGHT = {
    2: Pil.Transpose.FLIP_LEFT_RIGHT,
    3: Pil.Transpose.ROTATE_180,
    4: Pil.Transpose.FLIP_TOP_BOTTOM,
    5: Pil.Transpose.TRANSPOSE,
    6: Pil.Transpose.ROTATE_270,
    7: Pil.Transpose.TRANSVERSE,
    8: Pil.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the header says: size as displayed, and the turn that display needs."""

    width_px: int
    height_px: int
    rotation_deg: int


def read_header(path: Path, limits: CaptureLimits) -> ImageHeader:
    """Return size and orientation without decoding pixels.

    Not for worker threads: it changes warning filters for a moment.

    Raises
    ------
    MediaLimitError
        When the picture has more pixels than the limits allow.
    UnreadableMediaError
        When it is no JPEG, PNG or WebP, or its header is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Pil.DecompressionBombWarning)
            with Pil.open(path, formats=_FORMATS) as picture:
                width, height = picture.size
                turned = _TURNED_DEG.get(picture.getexif().get(_EXIF_ORIENTATION, 1), 0)
    except (Pil.DecompressionBombError, Pil.DecompressionBombWarning):
        raise _too_large(path, limits) from None
    except (*_DAMAGE, UnidentifiedImageError) as error:
        raise _damaged(path, error) from None
    if width * height > limits.max_image_pixels:
        raise _too_large(path, limits)
    if turned in (90, 270):
        width, height = height, width
    return ImageHeader(width, height, turned)


def decode_image(path: Path, max_side_px: int) -> Image:
    """Return the picture as RGB, turned upright, no longer than `max_side_px`.

    Call `read_header` first: this decodes whatever it is given.

    Raises
    ------
    UnreadableMediaError
        When the file ends too early or is damaged.
    """
    try:
        with Pil.open(path, formats=_FORMATS) as picture:
            scale = min(1.0, max_side_px / max(picture.size))
            size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
            picture.draft("RGB", size)  # a larger JPEG is decoded at a fraction of its size
            upright = _UPRIGHT.get(picture.getexif().get(_EXIF_ORIENTATION, 1))
            pixels: Pil.Image = picture.convert("RGB")
            if pixels.size != size:
                pixels = pixels.resize(size, Pil.Resampling.BOX)
            return np.asarray(pixels if upright is None else pixels.transpose(upright))
    except _DAMAGE as error:
        raise _damaged(path, error) from None


def _too_large(path: Path, limits: CaptureLimits) -> MediaLimitError:
    mega = limits.max_image_pixels / 1e6
    return MediaLimitError(f"{path.name} has more than {mega:g} megapixels; send a smaller picture")


def _damaged(path: Path, error: Exception) -> UnreadableMediaError:
    detail = type(error).__name__
    return UnreadableMediaError(
        f"{path.name} is not a whole JPEG, PNG or WebP picture ({detail}); take it again"
    )
