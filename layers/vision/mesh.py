"""Which of the 478 landmarks outline what; numbering of MediaPipe's canonical face mesh.

References
----------
MediaPipe face mesh, canonical_face_model_uv_visualization.png (google-ai-edge/mediapipe).
Image-left is what lies left in an unmirrored picture of someone who faces the camera.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from layers.capture.types import BoolArray, FloatArray

Points = tuple[int, ...]

OVAL: Final[Points] = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
TOP, CHIN, SIDE_LEFT, SIDE_RIGHT, NOSE_TIP = 10, 152, 234, 454, 1
JAW_LEFT, JAW_RIGHT = 172, 397
FOREHEAD: Final[Points] = (104, 69, 108, 151, 337, 299, 333, 334, 296, 336, 9, 107, 66, 105)
CHEEK_LEFT: Final[Points] = (116, 117, 118, 119, 100, 36, 205, 187, 123)
CHEEK_RIGHT: Final[Points] = (345, 346, 347, 348, 329, 266, 425, 411, 352)
CHIN_PATCH: Final[Points] = (182, 18, 406, 421, 428, 199, 208, 201)
NOSE: Final[Points] = (168, 245, 198, 49, 48, 4, 278, 279, 420, 465)
EYE_LEFT: Final[Points] = (
    *(33, 246, 161, 160, 159, 158, 157, 173),
    *(133, 155, 154, 153, 145, 144, 163, 7),
)
EYE_RIGHT: Final[Points] = (
    *(362, 398, 384, 385, 386, 387, 388, 466),
    *(263, 249, 390, 373, 374, 380, 381, 382),
)
BROW_LEFT: Final[Points] = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
BROW_RIGHT: Final[Points] = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
LIPS: Final[Points] = (
    *(61, 185, 40, 39, 37, 0, 267, 269, 270, 409),
    *(291, 375, 321, 405, 314, 17, 84, 181, 91, 146),
)
INNER_LIPS: Final[Points] = (
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415),
    *(308, 324, 318, 402, 317, 14, 87, 178, 88, 95),
)
IRIS_LEFT, IRIS_RIGHT = 468, 473
EYE_CORNERS_LEFT, EYE_CORNERS_RIGHT = (33, 133), (362, 263)
# Points that neither speech nor blinks move: eye corners, nose bridge and base, temples.
STABLE: Final[Points] = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 98, 327, 127, 356, 234, 454)
# Widths of the oval shrink with yaw, its height does not: 0.72 of the height is the width of a
# frontal canonical face.
WIDTH_PER_HEIGHT = 0.72


def face_width(points: FloatArray) -> FloatArray:
    """Width of the face in pixels, steady under yaw.

    Parameters
    ----------
    points
        (..., 478, 2 or 3) landmarks in pixels.

    Returns
    -------
    (...,) the larger of cheek-to-cheek distance and 0.72 of forehead-to-chin.
    """
    xy = points[..., :2]
    across = np.linalg.norm(xy[..., SIDE_LEFT, :] - xy[..., SIDE_RIGHT, :], axis=-1)
    down = np.linalg.norm(xy[..., TOP, :] - xy[..., CHIN, :], axis=-1)
    width: FloatArray = np.maximum(across, WIDTH_PER_HEIGHT * down).astype(np.float32)
    return width


def hull_mask(shape: tuple[int, ...], outline: FloatArray) -> BoolArray:
    """(H, W) mask of the convex hull of (K, 2) points."""
    mask = np.zeros(shape[:2], np.uint8)
    hull = cv2.convexHull(outline.astype(np.float32))
    cv2.fillConvexPoly(mask, np.rint(hull).astype(np.int32), (1.0,))
    return mask.astype(bool)
