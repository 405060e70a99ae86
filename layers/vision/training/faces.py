"""Crops that the artefact network learns from: a few frames of each clip, each photo once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from layers.capture.types import Capture, FloatArray, Image
from layers.vision import mesh
from layers.vision.scene import FACE_WIDTH_PX
from layers.vision.training.clips import Clip
from layers.vision.training.self_blend import Face

FRAMES_PER_CLIP = 20
SIDE_PX = 256


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One crop with the clip and the frame that it comes from."""

    face: Face
    clip: Clip
    frame: int


def faces_of(clip: Clip, capture: Capture) -> Iterable[LabelledFace]:
    """Up to twenty frames of a clip, evenly spread over the frames that were kept."""
    rows = [k for k in capture.kept if capture.track.found[k]]
    wanted = np.linspace(0, len(rows) - 1, min(FRAMES_PER_CLIP, len(rows))).round().astype(int)
    for row in sorted({rows[k] for k in wanted}):
        image = capture.image_at(row)
        if image is not None:
            yield LabelledFace(square(image, capture.track.landmarks[row, :, :2]), clip, row)


def square(image: Image, points: FloatArray) -> Face:
    """256 px around the face, shrunk to a width of 150 px where it is larger."""
    scale = min(1.0, FACE_WIDTH_PX / float(mesh.face_width(points)))
    if scale < 1.0:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(
            np.uint8
        )
    moved = points * scale
    centre = moved[list(mesh.OVAL)].mean(axis=0)
    shift = np.rint(SIDE_PX / 2 - centre)
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], float)
    crop = cv2.warpAffine(
        image, matrix, (SIDE_PX, SIDE_PX), flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT
    ).astype(np.uint8)
    return Face(crop, (moved + shift).astype(np.float32))
