"""The picture of a face whose shape drifts: an early and a late frame at one pose."""

from __future__ import annotations

import numpy as np

from layers.capture.types import Capture
from layers.vision import mesh, temporal_instability
from layers.vision.pictures.geometry import (
    MAGNIFIED,
    box_around,
    kept_image,
    landmark_outline,
    magnified,
    within,
)
from layers.vision.pictures.records import Picture, Role, Shot
from verdict.evidence import SignalResult
from verdict.policy import load_policy

MARGIN = 0.12
ROUNDING = 1e-3


def decided(signal: SignalResult) -> bool:
    """Whether the reported value is the drift beyond its usual size, and not the trembling."""
    known = {one.name: one.value for one in signal.measurements}
    drift = known.get("drift_thousandths")
    value = signal.measurements[0].value if signal.measurements else None
    if drift is None or value is None:
        return False
    usual = load_policy().number("vision.temporal_instability.usual_drift")
    return abs(drift - usual - value) < ROUNDING


def drifting(capture: Capture, signal: SignalResult) -> Picture | None:
    """Early frame, and the late one with arrows from where the same points were."""
    pair = _same_pose(capture)
    if pair is None:
        return None
    early, late = pair
    track, points = capture.track, list(temporal_instability.RIGID)
    # Laid over the face of all frames, as the signal does it; then only the pair is compared.
    rows = temporal_instability.even_rows(track)
    shapes = temporal_instability.canonical(track.landmarks[rows, :, :2])
    place = {int(row): k for k, row in enumerate(rows)}
    own, before = shapes[place[late]], shapes[place[early]]
    moved = own[points] - before[points]
    start, end = magnified(own, track.landmarks[late, :, :2], points, moved)
    image = kept_image(capture, late)
    panels = [
        Shot(
            row,
            box_around(track.landmarks[row, list(mesh.OVAL), :2], kept_image(capture, row), MARGIN),
            f"frame {row}, {track.t_s[row]:.1f} s{more}",
            (landmark_outline(capture, row, mesh.OVAL, role, image=kept_image(capture, row)),),
            role=role,
            arrows=arrows,
        )
        for row, role, more, arrows in (
            (
                late,
                Role.LOOKED_AT,
                f": arrows {MAGNIFIED:g} times as long as the change",
                np.stack([within(start, image), within(end, image)], axis=1),
            ),
            (early, Role.REFERENCE, ", the same pose", None),
        )
    ]
    apart = float(np.median(np.linalg.norm(moved, axis=-1)))
    sentence = (
        f"Frames {early} and {late} show the head at one pose; rigid points of the face lie "
        f"{apart:.1f} thousandths of its width elsewhere (median of the points). A person's own "
        "shape does not change within a recording."
    )
    return Picture(signal.code, sentence, tuple(panels))


def _same_pose(capture: Capture) -> tuple[int, int] | None:
    """Return a kept frame of the first and one of the last third that differ least in pose."""
    track = capture.track
    rows = [int(k) for k in temporal_instability.even_rows(track)]
    kept = [k for k in rows if capture.image_at(k) is not None]
    if not kept:
        return None
    first, last = float(track.t_s[rows[0]]), float(track.t_s[rows[-1]])
    early = [k for k in kept if track.t_s[k] <= first + (last - first) / 3]
    late = [k for k in kept if track.t_s[k] >= last - (last - first) / 3]
    pose = np.stack([track.yaw_deg, track.pitch_deg], axis=1)
    pairs = [(float(np.abs(pose[a] - pose[b]).max()), a, b) for a in early for b in late if a < b]
    apart, a, b = min(pairs, default=(np.inf, 0, 0))
    return (a, b) if apart <= temporal_instability.SAME_POSE_DEG else None
