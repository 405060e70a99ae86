"""TEMPORAL_INSTABILITY: the face's own geometry trembles or drifts once head motion is removed.

Definition: every frame's 2-D landmarks are laid over the median face by the similarity transform
that fits its rigid points best, at no more than 16 frames a second. What the head's rotation and
a slow expression move lies in few directions of shape space: the three strongest are taken out
(Tomasi and Kanade: rigid motion has a shape matrix of low rank). Tremble is the median length of
the second difference over time of what is left, in thousandths of the face width. Drift is the
median distance between rigid shapes at the same pose (yaw and pitch within 4 degrees) from the
first and last third of the recording, in the same unit. The instability is the tremble; the drift
joins it beyond its usual range.

Source: frame-by-frame generation flickers (Guera and Delp, AVSS 2018; Sun et al., "Improving the
Efficiency and Robustness of Deepfakes Detection through Precise Geometric Features" (LRNet), CVPR
2021, arXiv 2104.04480: calibrated landmark sequences); Procrustes fit after Umeyama, 1991; Tomasi
and Kanade, "Shape and Motion from Image Streams under Orthography", IJCV 1992.

Limits: a blurred, dark or tiny face makes the tracker itself tremble; six frames give no tremble.
One lasting change of shape in mid-recording hides under head motion unless it is gross.
"""

from __future__ import annotations

import numpy as np

from layers.capture.types import FaceTrack, FloatArray, IntArray
from layers.vision import mesh
from layers.vision.reading import Reading, Strength, judge
from layers.vision.scene import Scene
from verdict.evidence import SignalCode
from verdict.measurement import Measurement
from verdict.policy import Policy

MAX_RATE_HZ = 16.0
LONGEST_GAP_S = 0.2
MIN_TRIPLES = 6
MIN_ROWS = 12
RANK = 3
SAME_POSE_DEG = 4.0
MIN_DRIFT_S = 1.5
RIGID = mesh.STABLE
INNER = (33, 133, 362, 263, 168, 6, 197, 195, 5, 4, 98, 327)
CONTOUR = (127, 356, 234, 454, 10, 103, 332, 58, 288)


def measure(scene: Scene, policy: Policy) -> Reading:
    """Measure tremble and drift of the rigid points of the whole track."""
    track = scene.capture.track
    rows = even_rows(track)
    shapes = canonical(track.landmarks[rows, :, :2]) if len(rows) >= 3 else None
    jitter = tremble = drift = None
    if shapes is not None:
        jitter = second_difference(shapes[:, INNER], track.t_s[rows])
        tremble = residual_tremble(shapes[:, INNER], track.t_s[rows])
        drift = shape_drift(shapes[:, RIGID], track, rows)
    usual = policy.number("vision.temporal_instability.usual_drift")
    beyond = 0.0 if drift is None else drift - usual
    value = None if tremble is None else max(tremble, beyond)
    return judge(
        SignalCode.TEMPORAL_INSTABILITY,
        Strength(
            "tremble_thousandths",
            value,
            tuple(int(r) for r in rows[:: max(1, len(rows) // 8)]),
            "" if value is not None else "too few frames close in time",
        ),
        policy,
        region="eye corners, nose and temples after removing head motion",
        extra=(
            Measurement("jitter_thousandths", jitter, note="with all motion of the head"),
            Measurement("drift_thousandths", drift),
        ),
        features={**_features(track, rows, shapes, jitter, drift), "tremble": tremble},
    )


def even_rows(track: FaceTrack) -> IntArray:
    """Rows with a face in order of time, no closer together than 1/16 s."""
    found = np.flatnonzero(track.found & np.isfinite(track.t_s))
    order = found[np.argsort(track.t_s[found], kind="stable")]
    kept: list[int] = []
    for row in order:
        if not kept or track.t_s[row] - track.t_s[kept[-1]] >= 1.0 / MAX_RATE_HZ - 1e-3:
            kept.append(int(row))
    return np.array(kept, np.int32)


def canonical(points: FloatArray) -> FloatArray:
    """Lay every frame's points over the median face, in thousandths of its width.

    Parameters
    ----------
    points
        (N, 478, 2) landmarks in pixels.
    """
    rigid = points[:, RIGID].astype(np.float64)
    scaled = rigid - rigid.mean(axis=1, keepdims=True)
    scaled /= np.linalg.norm(scaled, axis=(1, 2), keepdims=True)
    reference = np.median(scaled, axis=0)
    reference -= reference.mean(axis=0)
    moved = np.empty_like(points, dtype=np.float32)
    for k, (own, every) in enumerate(zip(rigid, points, strict=True)):
        moved[k] = _similarity(own, reference, every)
    width = float(np.median(mesh.face_width(moved)))
    result: FloatArray = 1000.0 * moved / max(width, 1e-6)
    return result


def _similarity(own: FloatArray, reference: FloatArray, every: FloatArray) -> FloatArray:
    # In the complex plane the least-squares similarity is one division.
    middle = own.mean(axis=0)
    z = (own - middle) @ np.array([1, 1j])
    factor = np.vdot(z, reference @ np.array([1, 1j])) / np.vdot(z, z)
    out = ((every - middle) @ np.array([1, 1j])) * factor
    moved: FloatArray = np.stack([out.real, out.imag], axis=1).astype(np.float32)
    return moved


def residual_tremble(
    shapes: FloatArray, times: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> float | None:
    """Second difference of what three directions of shape space do not explain."""
    if len(shapes) < MIN_ROWS:
        return None
    flat = shapes.reshape(len(shapes), -1).astype(np.float64)
    flat -= flat.mean(axis=0)
    left, strength, right = np.linalg.svd(flat, full_matrices=False)
    rest = flat - (left[:, :RANK] * strength[:RANK]) @ right[:RANK]
    return second_difference(rest.reshape(shapes.shape).astype(np.float32), times)


def second_difference(
    shapes: FloatArray, times: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> float | None:
    """Median length of x[t-1] - 2 x[t] + x[t+1] over points and close triples."""
    gaps = np.diff(times)
    close = (gaps[:-1] <= LONGEST_GAP_S) & (gaps[1:] <= LONGEST_GAP_S)
    if close.sum() < MIN_TRIPLES:
        return None
    bend = shapes[:-2] - 2 * shapes[1:-1] + shapes[2:]
    return float(np.median(np.linalg.norm(bend[close], axis=-1)))


def shape_drift(shapes: FloatArray, track: FaceTrack, rows: IntArray) -> float | None:
    """Median distance of rigid shapes at one pose between the first and last third."""
    times, yaw, pitch = track.t_s[rows], track.yaw_deg[rows], track.pitch_deg[rows]
    span = times[-1] - times[0]
    if span < MIN_DRIFT_S:
        return None
    early = np.flatnonzero(times <= times[0] + span / 3)
    late = np.flatnonzero(times >= times[-1] - span / 3)
    same = np.abs(yaw[early][:, None] - yaw[late]) <= SAME_POSE_DEG
    same &= np.abs(pitch[early][:, None] - pitch[late]) <= SAME_POSE_DEG
    first, second = np.nonzero(same)
    if len(first) < MIN_TRIPLES:
        return None
    step = max(1, len(first) // 200)
    apart = shapes[early[first[::step]]] - shapes[late[second[::step]]]
    return float(np.median(np.linalg.norm(apart, axis=-1)))


def _features(
    track: FaceTrack,
    rows: IntArray,
    shapes: FloatArray | None,
    jitter: float | None,
    drift: float | None,
) -> dict[str, float | None]:
    contour = None
    if shapes is not None:
        contour = second_difference(shapes[:, CONTOUR], track.t_s[rows])
    ratio = None
    if jitter is not None and contour is not None:
        ratio = float(np.log2((jitter + 0.2) / (contour + 0.2)))
    return {"jitter": jitter, "drift": drift, "jitter_inner_to_contour": ratio}
