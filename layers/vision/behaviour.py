"""Cues of a picture that was made to move: gaze, lids, background and texture over time.

They fire no signal; they feed the learned risk. One-shot talking heads (SadTalker, Zhang et al.,
CVPR 2023, arXiv 2211.12194; EDTalk, Tan et al., ECCV 2024) warp one photograph: eyes rarely look
elsewhere or close, skin texture rides along unchanged or melts, the background stands still to
the last grey level or is dragged along by the head.
"""

from __future__ import annotations

import cv2
import numpy as np

from layers.capture.types import FloatArray
from layers.vision import mesh
from layers.vision.blink_failure import relative_ear
from layers.vision.reading import Features, detail_energy, log2_ratio, middle
from layers.vision.scene import Scene, View
from layers.vision.temporal_instability import canonical, even_rows

MIN_FRAMES = 12
LONGEST_PAIR_S = 0.25
CORNER_WIDTHS = 0.3
MIN_CORNER_PX = 12
MIN_CORNER_DETAIL = 4.0  # grey levels; less is a plain wall that shows no shift
MIN_MOVE_WIDTHS = 0.03


def features(scene: Scene) -> Features:
    """All behavioural features; None where the capture is too short for one."""
    return {**_eyes(scene), **_pairs(scene), **_expression(scene)}


def _expression(scene: Scene) -> dict[str, float | None]:
    # How far brows and cheeks move by themselves, in thousandths of the face width. A mouth
    # driven by sound leaves the upper face of a photograph where it was.
    track = scene.capture.track
    rows = even_rows(track)
    result: dict[str, float | None] = dict.fromkeys(("brow_motion", "lip_motion"))
    if len(rows) < MIN_FRAMES:
        return result
    shapes = canonical(track.landmarks[rows, :, :2])
    pose = np.column_stack(
        [np.ones(len(rows)), track.yaw_deg[rows], track.pitch_deg[rows], track.roll_deg[rows]]
    )
    for name, points in (
        ("brow_motion", (*mesh.BROW_LEFT, *mesh.BROW_RIGHT)),
        ("lip_motion", mesh.LIPS),
    ):
        flat = shapes[:, list(points)].reshape(len(rows), -1).astype(np.float64)
        answer, *_ = np.linalg.lstsq(pose, flat, rcond=None)
        # What the turning head moves is not expression, and steps from frame to frame are noise.
        rest = flat - pose @ answer
        smooth = (rest[:-2] + rest[1:-1] + rest[2:]) / 3
        result[name] = float(np.log2(np.median(smooth.std(axis=0)) + 0.5))
    return result


def _eyes(scene: Scene) -> dict[str, float | None]:
    track = scene.capture.track
    result: dict[str, float | None] = dict.fromkeys(("gaze_spread", "lid_spread", "lid_minimum"))
    relative = relative_ear(track)
    if relative is None or np.isfinite(relative).sum() < MIN_FRAMES:
        return result
    known = np.isfinite(relative)
    result["lid_minimum"] = float(np.percentile(relative[known], 1))
    result["lid_spread"] = float(np.std(relative[known]))
    opened = np.flatnonzero(known & (relative > 0.8))
    if len(opened) >= MIN_FRAMES:
        gaze = _gaze(track.landmarks[opened, :, :2])
        result["gaze_spread"] = float(np.hypot(*np.std(gaze, axis=0)))
    return result


def _gaze(points: FloatArray) -> FloatArray:
    # Iris centre from the middle of the eye corners, in eye widths, both eyes averaged.
    sides = []
    for iris, (first, second) in (
        (mesh.IRIS_LEFT, mesh.EYE_CORNERS_LEFT),
        (mesh.IRIS_RIGHT, mesh.EYE_CORNERS_RIGHT),
    ):
        corners = points[:, [first, second]]
        width = np.linalg.norm(corners[:, 0] - corners[:, 1], axis=-1, keepdims=True)
        sides.append((points[:, iris] - corners.mean(axis=1)) / np.maximum(width, 1e-3))
    gaze: FloatArray = np.mean(sides, axis=0)
    return gaze


def _pairs(scene: Scene) -> dict[str, float | None]:
    times = scene.capture.track.t_s
    changes = [
        _change(a, b)
        for a, b in zip(scene.views[:-1], scene.views[1:], strict=True)
        if 0 < times[b.index] - times[a.index] <= LONGEST_PAIR_S
    ]
    names = ("renewal_skin_0", "renewal_skin_1", "renewal_eyes_1", "renewal_ring_1")
    result = {name: middle(change[k] for change in changes) for k, name in enumerate(names)}
    drags = (_drag(scene, a, b) for a, b in zip(scene.views[:-2], scene.views[2:], strict=True))
    result["background_drag"] = middle(drags)
    return result


def _change(a: View, b: View) -> tuple[float | None, ...]:
    # How much of the detail is new in the next frame once the head's motion is undone.
    rigid = list(mesh.STABLE)
    matrix, _ = cv2.estimateAffinePartial2D(b.points[rigid], a.points[rigid], method=cv2.LMEDS)
    if matrix is None:
        return (None,) * 4
    size = (a.rgb.shape[1], a.rgb.shape[0])
    fresh = [
        cv2.warpAffine(b.bands[k], matrix, size, flags=cv2.INTER_CUBIC) - a.bands[k] for k in (0, 1)
    ]
    regions = (
        (0, a.regions.skin),
        (1, a.regions.skin),
        (1, a.regions.eyes),
        (1, a.regions.surround),
    )
    return tuple(
        log2_ratio(detail_energy(fresh[k], mask), detail_energy(a.bands[k], mask))
        for k, mask in regions
    )


def _drag(scene: Scene, a: View, b: View) -> float | None:
    # Shift of the picture's upper corners along the shift of the head, as a share of it.
    first, second = scene.capture.image_at(a.index), scene.capture.image_at(b.index)
    if first is None or second is None or first.shape != second.shape:
        return None
    rigid = scene.capture.track.landmarks[[a.index, b.index]][:, list(mesh.STABLE), :2]
    move = (rigid[1] - rigid[0]).mean(axis=0)
    width = a.width / a.scale
    size = int(CORNER_WIDTHS * width)
    if np.linalg.norm(move) < MIN_MOVE_WIDTHS * width or size < MIN_CORNER_PX:
        return None
    shares = []
    for columns in (slice(0, size), slice(-size, None)):
        one, two = (
            cv2.cvtColor(image[: 2 * size, columns], cv2.COLOR_RGB2GRAY).astype(np.float32)
            for image in (first, second)
        )
        if one.std() >= MIN_CORNER_DETAIL:
            window = cv2.createHanningWindow((one.shape[1], one.shape[0]), cv2.CV_32F)
            shift, _ = cv2.phaseCorrelate(one, two, window)
            shares.append(float(np.dot(shift, move) / np.dot(move, move)))
    return max(shares) if shares else None
