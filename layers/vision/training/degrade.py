"""The same clip through a worse camera and a harder encode: what must not read as an attack.

The recordings of dev come from few sources; without these the operating point fits their cameras
only. Both classes are degraded alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from layers.capture.types import Capture, Image
from layers.vision import mesh
from layers.vision.training.self_blend import jpeg


@dataclass(frozen=True, slots=True)
class Degradation:
    """How a clip is made worse; zeros leave it as it is.

    Parameters
    ----------
    face_px
        Face width after shrinking; clips with a smaller face keep their size.
    blur_px
        Defocus at the shrunk size.
    quality
        JPEG quality; 0 keeps the pixels.
    """

    name: str
    face_px: float = 0.0
    blur_px: float = 0.0
    quality: int = 0


DEGRADATIONS = (
    Degradation("untouched"),
    Degradation("small and hard", face_px=110.0, quality=45),
    Degradation("hard", quality=30),
    Degradation("soft", face_px=140.0, blur_px=0.9, quality=75),
)


def degraded(capture: Capture, how: Degradation) -> Capture:
    """The capture with every kept picture, and the landmarks, made worse."""
    if how == DEGRADATIONS[0]:
        return capture
    widths = mesh.face_width(capture.track.landmarks[capture.track.found])
    width = float(np.median(widths)) if len(widths) else 0.0
    scale = min(1.0, how.face_px / width) if how.face_px and width else 1.0
    landmarks = (capture.track.landmarks * np.float32(scale)).astype(np.float32)
    return replace(
        capture,
        images=tuple(_worse(image, scale, how) for image in capture.images),
        track=replace(capture.track, landmarks=landmarks),
    )


def _worse(image: Image, scale: float, how: Degradation) -> Image:
    if scale < 1.0:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(
            np.uint8
        )
    if how.blur_px:
        image = cv2.GaussianBlur(image, (0, 0), how.blur_px).astype(np.uint8)
    return jpeg(image, how.quality) if how.quality else image
