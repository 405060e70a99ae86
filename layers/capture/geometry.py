"""Ratios of the face mesh that several layers read: eye and mouth opening, and head pose.

References
----------
Soukupova and Cech, "Real-Time Eye Blink Detection using Facial Landmarks", CVWW 2016, eq. 1 (EAR).
Landmark numbers: MediaPipe Face Mesh topology, attention model (478 points).
"""

from __future__ import annotations

import numpy as np

from layers.capture.types import FloatArray

# Six points per eye in the order of the paper: outer corner, two upper, inner corner, two lower.
# The image-left eye is the person's right one.
IMAGE_LEFT_EYE = (33, 160, 158, 133, 153, 144)
IMAGE_RIGHT_EYE = (263, 387, 385, 362, 380, 373)

# Inner lips: corners, then three pairs of upper and lower points.
INNER_LIP_CORNERS = (78, 308)
INNER_LIP_PAIRS = ((81, 178), (13, 14), (311, 402))

# Symmetric pairs (image-left, image-right) and the midline from forehead to chin, for the pose.
_SIDES = ((234, 454), (127, 356), (132, 361), (93, 323))
_MIDLINE = (10, 152)


def eye_aspect_ratio(landmarks: FloatArray) -> FloatArray:
    """Return the eye aspect ratio of both eyes.

    Parameters
    ----------
    landmarks : float32 (478, 3)
        In pixels.

    Returns
    -------
    float32 (2,)
        Image-left eye first. About 0.3 open, below 0.2 closed, different for every person.
    """
    ratios = []
    for eye in (IMAGE_LEFT_EYE, IMAGE_RIGHT_EYE):
        p1, p2, p3, p4, p5, p6 = landmarks[list(eye)]
        width = np.linalg.norm(p1 - p4)
        ratios.append((np.linalg.norm(p2 - p6) + np.linalg.norm(p3 - p5)) / max(2 * width, 1e-6))
    return np.asarray(ratios, np.float32)


def mouth_aspect_ratio(landmarks: FloatArray) -> float:
    """Return the opening of the inner lips over their width; 0 when closed."""
    flat = landmarks[:, :2]
    left, right = (flat[index] for index in INNER_LIP_CORNERS)
    openings = [np.linalg.norm(flat[upper] - flat[lower]) for upper, lower in INNER_LIP_PAIRS]
    return float(np.mean(openings) / max(float(np.linalg.norm(left - right)), 1e-6))


def head_pose_deg(landmarks: FloatArray) -> tuple[float, float, float]:
    """Return yaw, pitch and roll in degrees, with the signs that `types` documents.

    The axes are the mean of four symmetric pairs and the midline of the mesh: no camera model is
    needed, and expression moves none of these points much.
    """
    across = np.mean([landmarks[right] - landmarks[left] for left, right in _SIDES], axis=0)
    down = landmarks[_MIDLINE[1]] - landmarks[_MIDLINE[0]]
    yaw = np.degrees(np.arctan2(across[2], np.hypot(across[0], across[1])))
    pitch = np.degrees(np.arctan2(-down[2], np.hypot(down[0], down[1])))
    roll = np.degrees(np.arctan2(across[1], across[0]))
    return float(yaw), float(pitch), float(roll)
