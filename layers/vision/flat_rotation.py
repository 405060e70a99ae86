"""FLAT_ROTATION: the head turns, yet its points move as those of a flat picture.

Definition: for pairs of a frontal and a turned frame (yaw apart by at least 12 degrees) the 2-D
landmarks of the one are mapped to the other by the best homography, which explains any motion of a
plane. What it leaves, as RMS in face widths over the sine of the yaw apart, is the relief: how
far the face stands out of a plane. Flatness is minus the median relief in hundredths.

Source: planar homography against parallax, De Marsico et al., "Moving face spoofing detection via
3D projective invariants", ICB 2012; Hartley and Zisserman, Multiple View Geometry, section 13.
The tracker's depth is not used: it comes from a face model and is deep for photographs, too.

Limits: nothing is measured without a turn. The tracker regularises points towards a face shape,
so a strongly foreshortened photograph keeps some relief; a curved photograph has more.
"""

from __future__ import annotations

import cv2
import numpy as np

from layers.capture.types import FaceTrack, FloatArray
from layers.vision import mesh
from layers.vision.reading import Reading, Strength, judge, middle
from layers.vision.scene import Scene
from verdict.evidence import Measurement, SignalCode
from verdict.policy import Policy

MIN_TURN_DEG = 12.0
MAX_PAIRS = 12
# Lips and lids move by themselves; nose, brows' bridge, oval and cheek points do not.
RIGID = tuple(
    sorted(
        {*mesh.OVAL, *mesh.STABLE, *mesh.NOSE, *mesh.CHEEK_LEFT, *mesh.CHEEK_RIGHT, 9, 8, 151}
        - {mesh.CHIN, 148, 176, 149, 377, 400, 378}
    )
)


def measure(scene: Scene, policy: Policy) -> Reading:
    """Fit a plane's motion between frontal and turned frames."""
    track = scene.capture.track
    pairs = turned_pairs(track)
    reliefs = [relief(track, *pair) for pair in pairs]
    value = middle(reliefs)
    strength = Strength(
        "flatness_hundredths",
        None if value is None else -100.0 * value,
        tuple(sorted({i for pair in pairs for i in pair})),
        "" if value is not None else "the head does not turn by 12 degrees",
    )
    return judge(
        SignalCode.FLAT_ROTATION,
        strength,
        policy,
        region="nose, cheeks and contour between frontal and turned frames",
        extra=(Measurement("yaw_range_deg", _yaw_range(track)),),
        features={"rotation_flatness": strength.value},
    )


def turned_pairs(track: FaceTrack) -> list[tuple[int, int]]:
    """Rows of one frontal frame and of up to twelve frames turned away from it."""
    rows = np.flatnonzero(track.found & np.isfinite(track.yaw_deg))
    if len(rows) < 2:
        return []
    yaw = track.yaw_deg[rows]
    front = int(rows[np.argmin(np.abs(yaw))])
    apart = np.abs(yaw - track.yaw_deg[front])
    turned = rows[apart >= MIN_TURN_DEG]
    if not len(turned):
        return []
    most = turned[np.argsort(-np.abs(track.yaw_deg[turned] - track.yaw_deg[front]))]
    return [(front, int(row)) for row in most[:MAX_PAIRS]]


def relief(track: FaceTrack, front: int, turned: int) -> float | None:
    """RMS residual of the best homography, in face widths over the sine of the turn."""
    source = track.landmarks[front, RIGID, :2].astype(np.float64)
    target = track.landmarks[turned, RIGID, :2].astype(np.float64)
    width = float(mesh.face_width(track.landmarks[front]))
    residual = homography_residual(source, target)
    turn = np.deg2rad(abs(float(track.yaw_deg[turned] - track.yaw_deg[front])))
    return None if residual is None else residual / width / float(np.sin(min(turn, np.pi / 2)))


def homography_residual(
    source: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    target: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> float | None:
    """RMS distance in pixels that the best homography from `source` to `target` leaves."""
    matrix, _ = cv2.findHomography(source, target, 0)
    if matrix is None:
        return None
    mapped = cv2.perspectiveTransform(source[None], matrix)[0]
    return float(np.sqrt(((mapped - target) ** 2).sum(axis=1).mean()))


def _yaw_range(track: FaceTrack) -> float | None:
    yaw: FloatArray = track.yaw_deg[np.isfinite(track.yaw_deg)]
    return float(yaw.max() - yaw.min()) if len(yaw) else None
