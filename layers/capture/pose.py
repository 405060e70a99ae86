"""Head pose: the canonical face mesh laid over the landmarks by a scaled orthographic fit.

Only x and y are used: the mesh network guesses depth, and guesses it too shallow when the head
turns. The fit needs no camera parameters, which nobody knows in a browser.

References
----------
.. [1] MediaPipe, canonical_face_model.obj and geometry_pipeline_metadata_landmarks.pbtxt
   (Apache-2.0): vertices in cm, x to the image's right, y up, z to the camera, and how much each
   says about the pose. Points that the jaw moves are left out here.
.. [2] D. DeMenthon and L. Davis, "Model-Based Object Pose in 25 Lines of Code", IJCV 15 (1995):
   pose from orthography and scaling, the first step of POSIT.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from layers.capture.types import FloatArray

# landmark (its mirror image): x, y, z, weight. The mirror image has x to the other side.
_CENTRE: Final = (
    (4, 0.0, -0.463170, 7.586580, 0.070910),
    (6, 0.0, 2.473255, 5.788627, 0.032100),
    (10, 0.0, 8.261778, 4.481535, 0.008447),
)
_PAIRS: Final = (
    (33, 263, -4.445859, 2.663991, 3.173422, 0.058724),
    (54, 284, -6.279331, 6.615427, 1.425850, 0.007667),
    (67, 297, -3.523964, 8.005976, 3.729163, 0.009078),
    (117, 346, -5.258659, 0.945811, 2.974312, 0.009792),
    (119, 348, -3.300681, 0.861641, 3.872784, 0.014565),
    (121, 350, -1.820731, 1.467954, 4.224124, 0.018591),
    (127, 356, -7.743095, 2.364999, -2.005167, 0.005198),
    (129, 358, -1.785794, -0.978284, 4.850470, 0.120625),
    (133, 362, -1.856432, 2.585245, 3.757904, 0.053286),
    (143, 372, -6.407571, 2.236021, 1.560843, 0.014817),
    (198, 420, -1.246815, 0.230297, 5.681036, 0.025462),
)


def head_pose(landmarks: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return yaw, pitch and roll in degrees.

    Parameters
    ----------
    landmarks : float32 (T, 478, 3)
        Pixels; NaN rows without a face.

    Returns
    -------
    yaw, pitch, roll : float32 (T,)
        Yaw positive to the image's right, pitch positive upwards, roll clockwise.
    """
    n = len(landmarks)
    angles = np.full((3, n), np.nan, dtype=np.float32)
    rows = np.flatnonzero(np.isfinite(landmarks[:, 0, 0]))
    if not len(rows):
        return angles[0], angles[1], angles[2]
    points = landmarks[rows][:, _INDICES, :2].astype(np.float64)
    points -= np.einsum("n,tnk->tk", _WEIGHTS, points)[:, None]
    points[..., 1] *= -1  # the model's y points up
    affine = np.einsum("tnk,nj->tkj", points, _SOLVER)  # (T, 2, 3) scaled first rows of R
    # The nearest pair of orthonormal rows, then the third that makes a rotation.
    left, _, right = np.linalg.svd(affine, full_matrices=False)
    first, second = np.moveaxis(left @ right, 1, 0)
    third = np.cross(first, second)
    # R maps the model onto the picture; its third column is where the nose points.
    nose = np.stack([first[:, 2], second[:, 2], third[:, 2]], axis=1)
    angles[0, rows] = np.degrees(np.arctan2(nose[:, 0], nose[:, 2]))
    angles[1, rows] = np.degrees(np.arcsin(np.clip(nose[:, 1], -1.0, 1.0)))
    angles[2, rows] = np.degrees(np.arctan2(first[:, 1], second[:, 1]))
    return angles[0], angles[1], angles[2]


def _model() -> tuple[list[int], FloatArray, FloatArray]:
    indices, vertices, weights = [], [], []
    for index, x, y, z, weight in _CENTRE:
        indices.append(index)
        vertices.append((x, y, z))
        weights.append(weight)
    for index, mirror, x, y, z, weight in _PAIRS:
        indices += [index, mirror]
        vertices += [(x, y, z), (-x, y, z)]
        weights += [weight, weight]
    share = np.array(weights) / sum(weights)
    model = np.array(vertices)
    return indices, model - share @ model, share


_INDICES, _MODEL, _WEIGHTS = _model()
# The landmarks of the fit: neither lids nor jaw move them.
RIGID_LANDMARKS: Final = tuple(_INDICES)
# Weighted least squares for points = model @ affine.T: one matrix for every frame.
_SOLVER = _WEIGHTS[:, None] * _MODEL @ np.linalg.inv(_MODEL.T * _WEIGHTS @ _MODEL)
