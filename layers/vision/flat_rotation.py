"""FLAT_ROTATION: the head turns, yet its pixels move as those of a flat picture.

Definition: between the most frontal frame and frames turned away from it by 15 to 40 degrees (or,
where the pose says that nothing turned, between the frame with the widest eyes and at least two
whose eyes stand 8 % closer together or more, against the length of the nose), the best
homography, which explains any motion of a plane, is sought on the pixels of the face without
eyes and mouth (enhanced correlation coefficient, on band-passed lightness normalised for local
contrast; started from the landmarks). Flatness is the correlation that it reaches, median over up
to three frames: near 1 for a plane; a head keeps parallax of the nose and hides one cheek.

Source: planar homography against parallax: De Marsico et al., "Moving face spoofing detection via
3D projective invariants", ICB 2012; Hartley and Zisserman, Multiple View Geometry, section 13;
alignment after Evangelidis and Psarakis, "Parametric Image Alignment Using Enhanced Correlation
Coefficient Maximization", TPAMI 2008. Landmarks alone don't do: the tracker fits a face shape,
with relief, to foreshortened photographs, too (medians of 13 and 14 hundredths of a face width);
and the pose reads a photograph turned by 40 degrees as turned by 2 to 12, which is why the
foreshortening itself is looked at.

Limits: nothing is measured without a turn; a photograph turned by less than some 25 degrees isn't
seen to turn. A photograph bent around a cylinder has parallax, and
a mask is no plane at all.
"""

from __future__ import annotations

import cv2
import numpy as np

from layers.capture.types import BoolArray, Capture, FloatArray, Image
from layers.vision import mesh
from layers.vision.reading import Reading, Strength, judge, middle
from layers.vision.scene import Scene
from verdict.evidence import SignalCode
from verdict.measurement import Measurement
from verdict.policy import Policy

TURN_DEG = (15.0, 40.0)
FORESHORTENED = 0.92
MIN_FORESHORTENED = 2
# Outer corners of the eyes; root and base of the nose: none of them moves with speech.
ACROSS, ALONG = (33, 263), (168, 2)
MAX_PAIRS = 3
WIDTH_PX = 100.0
MARGIN_PX = 15.0
BAND_PX = (1.0, 5.0)
CONTRAST_PX = 8.0
STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
SMOOTH_PX = 5
# Lips, lids and chin move by themselves; these points do not.
RIGID = tuple(
    sorted(
        {*mesh.OVAL, *mesh.STABLE, *mesh.NOSE, *mesh.CHEEK_LEFT, *mesh.CHEEK_RIGHT, 9, 8, 151}
        - {mesh.CHIN, 148, 176, 149, 377, 400, 378}
    )
)


def measure(scene: Scene, policy: Policy) -> Reading:
    """Fit a plane's motion between frontal and turned frames."""
    capture = scene.capture
    pairs = turned_pairs(capture)
    by_pose = bool(posed_pairs(capture))
    found = [(pair, planar_correlation(capture, *pair)) for pair in pairs]
    value = middle(correlation for _, correlation in found)
    yaw = capture.track.yaw_deg[np.isfinite(capture.track.yaw_deg)]
    strength = Strength(
        "planar_correlation",
        value,
        tuple(sorted({row for pair, c in found if c is not None for row in pair})),
        "" if value is not None else "no two kept frames show the head turned",
    )
    return judge(
        SignalCode.FLAT_ROTATION,
        strength,
        policy,
        region="face without eyes and mouth, between frontal and turned frames",
        extra=(Measurement("yaw_range_deg", float(np.ptp(yaw)) if len(yaw) else None),),
        features={
            "rotation_flatness": value if by_pose else None,
            "foreshortened_flatness": None if by_pose else value,
        },
    )


def turned_pairs(capture: Capture) -> list[tuple[int, int]]:
    """Pairs of a frontal and a turned frame: by the pose, else by foreshortening."""
    return posed_pairs(capture) or foreshortened_pairs(capture)


def posed_pairs(capture: Capture) -> list[tuple[int, int]]:
    """The most frontal kept frame with up to three of those turned furthest from it."""
    track = capture.track
    rows = _rows(capture)
    if len(rows) < 2:
        return []
    front = min(rows, key=lambda k: abs(float(track.yaw_deg[k])))
    apart = {k: abs(float(track.yaw_deg[k] - track.yaw_deg[front])) for k in rows}
    turned = [k for k in rows if TURN_DEG[0] <= apart[k] <= TURN_DEG[1]]
    # Every other one of the furthest: neighbours in time say the same twice.
    return [(front, k) for k in sorted(turned, key=lambda k: -apart[k])[: 2 * MAX_PAIRS : 2]]


def foreshortened_pairs(capture: Capture) -> list[tuple[int, int]]:
    """The frame with the widest eyes and up to three of those with the narrowest."""
    rows = _rows(capture)
    if len(rows) < 2:
        return []
    points = capture.track.landmarks[rows, :, :2]
    across, along = (
        np.linalg.norm(points[:, first] - points[:, second], axis=-1)
        for first, second in (ACROSS, ALONG)
    )
    width = across / np.maximum(along, 1e-3)
    order = np.argsort(width, kind="stable")
    narrow = [rows[k] for k in order if width[k] <= FORESHORTENED * width.max()]
    # One such frame is a grimace or a slip of the tracker as often as a turn.
    pairs = [(rows[int(order[-1])], k) for k in narrow[: 2 * MAX_PAIRS : 2]]
    return pairs if len(pairs) >= MIN_FORESHORTENED else []


def _rows(capture: Capture) -> list[int]:
    yaw = capture.track.yaw_deg
    return [k for k in capture.kept if np.isfinite(yaw[k])] if capture.images else []


def planar_correlation(capture: Capture, front: int, turned: int) -> float | None:
    """Correlation that the best homography reaches between two frames; None when it finds none."""
    one, two = capture.image_at(front), capture.image_at(turned)
    if one is None or two is None:
        return None
    landmarks = capture.track.landmarks
    first = _band_passed(one, landmarks[front, :, :2])
    second = _band_passed(two, landmarks[turned, :, :2])
    if first is None or second is None:
        return None
    (a, at_a), (b, at_b) = first, second
    rigid = list(RIGID)
    start, _ = cv2.findHomography(at_b[rigid].astype(float), at_a[rigid].astype(float), 0)
    mask = _skin_mask(a, at_a).astype(np.uint8)
    if start is None or mask.sum() < MARGIN_PX**2:
        return None
    try:
        reached, _ = cv2.findTransformECC(
            b, a, start.astype(np.float32), cv2.MOTION_HOMOGRAPHY, STOP, mask, SMOOTH_PX
        )
    except cv2.error:  # it did not converge: no plane was found
        return None
    return float(reached)


def _band_passed(image: Image, points: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    scale = min(1.0, WIDTH_PX / float(mesh.face_width(points)))
    low = np.maximum(points.min(axis=0) - MARGIN_PX / scale, 0).astype(int)
    high = (points.max(axis=0) + MARGIN_PX / scale).astype(int)
    crop = image[low[1] : high[1], low[0] : high[0]]
    if min(crop.shape[:2]) * scale < WIDTH_PX / 3:
        return None
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    light = small.astype(np.float32)
    band = cv2.GaussianBlur(light, (0, 0), BAND_PX[0]) - cv2.GaussianBlur(light, (0, 0), BAND_PX[1])
    contrast = np.sqrt(cv2.GaussianBlur(band * band, (0, 0), CONTRAST_PX))
    return np.asarray(band / (contrast + 2.0), np.float32), ((points - low) * scale).astype(
        np.float32
    )


def _skin_mask(image: FloatArray, points: FloatArray) -> BoolArray:
    mask = mesh.hull_mask(image.shape, _grown(points[list(mesh.OVAL)], 0.95))
    for outline in (mesh.LIPS, mesh.EYE_LEFT, mesh.EYE_RIGHT):
        mask &= ~mesh.hull_mask(image.shape, _grown(points[list(outline)], 1.3))
    return mask


def _grown(outline: FloatArray, factor: float) -> FloatArray:
    middle_point = outline.mean(axis=0)
    grown: FloatArray = middle_point + factor * (outline - middle_point)
    return grown
