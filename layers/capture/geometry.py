"""Eye and mouth aspect ratios from the face mesh.

References
----------
.. [1] T. Soukupová and J. Čech, "Real-Time Eye Blink Detection using Facial Landmarks", CVWW 2016,
   equation 1: EAR = (|p2 - p6| + |p3 - p5|) / (2 |p1 - p4|).
.. [2] MediaPipe face mesh, canonical_face_model_uv_visualization.png: landmark numbers.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from layers.capture.types import FloatArray

# p1 … p6 of [1]: corner, two upper-lid points, the other corner, two lower-lid points.
EYE_IMAGE_LEFT: Final = (33, 160, 158, 133, 153, 144)
EYE_IMAGE_RIGHT: Final = (362, 385, 387, 263, 373, 380)
# Inner lips: left corner, three pairs upper/lower, right corner.
_MOUTH_CORNERS: Final = (78, 308)
_MOUTH_PAIRS: Final = ((81, 178), (13, 14), (311, 402))


def eye_aspect_ratio(landmarks: FloatArray) -> FloatArray:
    """Return the EAR of both eyes.

    Parameters
    ----------
    landmarks : float32 (T, 478, 3)
        Pixels; NaN rows without a face.

    Returns
    -------
    float32 (T, 2)
        The eye that is left in the image first.
    """
    return np.stack([_ear(landmarks, EYE_IMAGE_LEFT), _ear(landmarks, EYE_IMAGE_RIGHT)], axis=1)


def mouth_aspect_ratio(landmarks: FloatArray) -> FloatArray:
    """Return the mean opening of the inner lips over their width, float32 (T,)."""
    width = _distance(landmarks, *_MOUTH_CORNERS)
    opening = sum(_distance(landmarks, upper, lower) for upper, lower in _MOUTH_PAIRS)
    ratio: FloatArray = (opening / (len(_MOUTH_PAIRS) * np.maximum(width, 1e-6))).astype(np.float32)
    return ratio


def _ear(landmarks: FloatArray, eye: tuple[int, ...]) -> FloatArray:
    p1, p2, p3, p4, p5, p6 = eye
    height = _distance(landmarks, p2, p6) + _distance(landmarks, p3, p5)
    width = np.maximum(_distance(landmarks, p1, p4), 1e-6)
    ratio: FloatArray = (height / (2 * width)).astype(np.float32)
    return ratio


def _distance(landmarks: FloatArray, a: int, b: int) -> FloatArray:
    xy = landmarks[:, :, :2]
    length: FloatArray = np.linalg.norm(xy[:, a] - xy[:, b], axis=-1)
    return length
