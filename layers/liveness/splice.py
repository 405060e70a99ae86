"""Whether a frame lies where its neighbours put it: one cut in from elsewhere does not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from layers.capture.pose import RIGID_LANDMARKS
from layers.capture.types import FaceTrack
from layers.liveness.steps import Sampling
from verdict.policy import Policy

# The mesh trembles by about this much of a face width on a head held still.
_TREMBLE = 0.02


def belongs_between(track: FaceTrack, row: int, sampling: Sampling, policy: Policy) -> bool:
    """Return whether frame `row` fits between its neighbours; true where that can't be told.

    Only points are compared that lids and jaw do not move. At slow rates a live head gets too
    far between two frames to tell.
    """
    if sampling.interval_s > policy.number("liveness.splice.slowest_interval_s"):
        return True
    offset = splice_offset(track, row)
    return offset is None or offset <= policy.number("liveness.splice.largest_offset")


def splice_offset(track: FaceTrack, row: int) -> float | None:
    """Return how far frame `row` lies off the straight way from the one before to the one after.

    Root mean square distance of the rigid landmarks from where the two neighbours put them,
    over how far the neighbours are apart (and the mesh's own trembling). None without neighbours.
    """
    if not 0 < row < len(track) - 1:
        return None
    points = track.landmarks[row - 1 : row + 2][:, RIGID_LANDMARKS, :2].astype(np.float64)
    before_s, own_s, after_s = track.t_s[row - 1 : row + 2]
    if not np.isfinite(points).all() or not before_s < own_s < after_s:
        return None
    width = float(np.ptp(track.landmarks[row, :, 0]))
    share = (own_s - before_s) / (after_s - before_s)
    between = (1 - share) * points[0] + share * points[2]
    moved = _distance(points[0], points[2]) / width + _TREMBLE
    return _distance(points[1], between) / width / moved


def _distance(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.sum((one - other) ** 2, axis=-1))))
