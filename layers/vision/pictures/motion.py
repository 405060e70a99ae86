"""Pictures of motion: the turned head laid over the frontal one, and the face's own trembling."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from layers.capture.types import Capture, FloatArray, Image, IntArray
from layers.vision import flat_rotation, mesh, temporal_instability
from layers.vision.pictures import drift
from layers.vision.pictures.geometry import (
    MAGNIFIED,
    box_around,
    kept_image,
    landmark_outline,
    magnified,
    within,
)
from layers.vision.pictures.records import Derived, Outline, Picture, Role, Shot
from verdict.evidence import SignalResult

MARGIN = 0.12
LAID_OVER_PX = 200.0  # width of the face in the pictures laid over each other
FULL_DIFFERENCE = 3.0  # spreads of local contrast
# As the signal does: see `layers.vision.temporal_instability`.
HEAD_RANK, MIN_ROWS = 3, 12
SHOWN_POINTS = temporal_instability.INNER


def rotation(capture: Capture, signal: SignalResult) -> Picture | None:
    """Frontal and turned frame, the second as a sheet of paper over the first, what is left."""
    for front, turned in flat_rotation.turned_pairs(capture):
        laid = _laid_over(capture, front, turned)
        if laid is None or not {front, turned} <= set(signal.frames):
            continue
        over, difference, contour = laid
        apart = abs(float(capture.track.yaw_deg[turned] - capture.track.yaw_deg[front]))
        sentence = (
            f"Frame {turned} is turned by {apart:.0f} degrees against frame {front}. The motion "
            "of one flat sheet lays it over the frontal frame. What a sheet can't explain is "
            "bright in the last picture: on a head the nose and the far cheek, on a photograph "
            "little or nothing. Eyes and mouth are not counted."
        )
        panels = (
            _face(capture, front, f"frame {front}: frontal", Role.REFERENCE),
            _face(capture, turned, f"frame {turned}: turned", Role.LOOKED_AT),
            Derived(turned, over, f"frame {turned} laid over {front}", (contour,), Role.LOOKED_AT),
            Derived(
                turned, difference, "what is left: nothing is dark", (contour,), Role.LOOKED_AT
            ),
        )
        return Picture(signal.code, sentence, panels)
    return None


def _face(capture: Capture, row: int, caption: str, role: Role) -> Shot:
    image = kept_image(capture, row)
    outline = landmark_outline(capture, row, mesh.OVAL, role, image=image)
    box = box_around(capture.track.landmarks[row, list(mesh.OVAL), :2], image, MARGIN)
    return Shot(row, box, caption, (outline,), role=role)


def _laid_over(capture: Capture, front: int, turned: int) -> tuple[Image, Image, Outline] | None:
    """Warp the turned face onto the frontal one by the best homography.

    Returns
    -------
    The warped picture, its difference from the frontal one, and the frontal face in both.
    """
    if capture.image_at(front) is None or capture.image_at(turned) is None:
        return None
    one, at_one = _sized(capture, front)
    two, at_two = _sized(capture, turned)
    rigid = list(flat_rotation.RIGID)
    start, _ = cv2.findHomography(at_one[rigid].astype(float), at_two[rigid].astype(float), 0)
    if start is None:
        return None
    grey_one, grey_two = (_grey(image) for image in (one, two))
    mask = mesh.hull_mask(grey_one.shape, at_one[list(mesh.OVAL)]).astype(np.uint8)
    try:
        _, best = cv2.findTransformECC(
            grey_one, grey_two, start.astype(np.float32), cv2.MOTION_HOMOGRAPHY,
            flat_rotation.STOP, mask, flat_rotation.SMOOTH_PX,
        )  # fmt: skip
    except cv2.error:  # it did not converge: the landmarks' own homography is still worth seeing
        best = start
    size = (one.shape[1], one.shape[0])
    warped = cv2.warpPerspective(two, best, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    over = np.asarray(warped, np.uint8)
    difference = unexplained(one, over, mask)
    return over, difference, Outline(at_one[list(mesh.OVAL)], Role.LOOKED_AT)


def _sized(capture: Capture, row: int) -> tuple[Image, FloatArray]:
    """Crop one face at a common width, with its landmarks."""
    image = kept_image(capture, row)
    points = capture.track.landmarks[row, :, :2]
    box = box_around(points, image, MARGIN)
    scale = LAID_OVER_PX / float(mesh.face_width(points))
    crop = np.ascontiguousarray(image[box.top : box.bottom, box.left : box.right])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    sized = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=method)
    return np.asarray(sized, np.uint8), ((points - (box.left, box.top)) * scale).astype(np.float32)


def _grey(image: Image) -> FloatArray:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)


def unexplained(one: Image, over: Image, mask: Image) -> Image:
    """Return what differs between two pictures laid over each other, within a mask, as colours."""
    left = np.abs(_evened(_grey(over), mask) - _evened(_grey(one), mask))
    shades = np.where(mask.astype(bool), np.clip(left / FULL_DIFFERENCE, 0, 1), 0.0)
    coloured = cv2.applyColorMap((255 * shades).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB), np.uint8)


def _evened(grey: FloatArray, mask: Image) -> FloatArray:
    """Local contrast in spreads: a change of light is not a change of shape."""
    base = cv2.GaussianBlur(grey, (0, 0), 10.0)
    band = cv2.GaussianBlur(grey, (0, 0), 1.5) - base
    spread = float(band[mask.astype(bool)].std())
    return np.asarray(band / (spread + 1.0), np.float32)


@dataclass(frozen=True, slots=True)
class _Bend:
    """Where a steady motion would have put the points of one frame, and where they are."""

    row: int
    before: int
    after: int
    size: float


def trembling(capture: Capture, signal: SignalResult) -> Picture | None:
    """Three neighbouring frames; arrows from where steady motion would put each point."""
    if drift.decided(signal):
        return drift.drifting(capture, signal)
    track = capture.track
    rows = temporal_instability.even_rows(track)
    if len(rows) < 3:
        return None
    shapes = temporal_instability.canonical(track.landmarks[rows, :, :2])
    own = _own_motion(shapes[:, list(SHOWN_POINTS)])
    bends = _bends(capture, rows, own)
    if not bends:
        return None
    typical = sorted(bends, key=lambda bend: bend.size)[len(bends) // 2]
    at = int(np.flatnonzero(rows == typical.row)[0])
    moved = own[at] - (own[at - 1] + own[at + 1]) / 2
    own_points = track.landmarks[typical.row, :, :2]
    start, end = magnified(shapes[at], own_points, list(SHOWN_POINTS), moved)
    image = kept_image(capture, typical.row)
    arrows = np.stack([within(start, image), within(end, image)], axis=1)
    middle = Shot(
        typical.row,
        box_around(track.landmarks[typical.row, list(mesh.OVAL), :2], image, MARGIN),
        f"frame {typical.row}: arrows {MAGNIFIED:g} times as long as the movement",
        (_inner(capture, typical.row, image, Role.LOOKED_AT),),
        role=Role.LOOKED_AT,
        arrows=arrows,
    )
    neighbours = [
        _face(capture, row, f"frame {row}: {name}", Role.REFERENCE)
        for row, name in ((typical.before, "before"), (typical.after, "after"))
        if capture.image_at(row) is not None
    ]
    sentence = (
        f"Around frame {typical.row} the points leave the steady motion between their neighbours "
        f"in time by {typical.size / 2:.1f} thousandths of the face width (median of the points, "
        "head motion removed). Rigid parts of a face do not do that by themselves."
    )
    return Picture(signal.code, sentence, (middle, *neighbours))


def _own_motion(shapes: FloatArray) -> FloatArray:
    """Return what is left without the head's rotation, which moves the shape in few directions."""
    if len(shapes) < MIN_ROWS:
        return shapes
    flat = shapes.reshape(len(shapes), -1).astype(np.float64)
    flat = flat - flat.mean(axis=0)
    left, strength, right = np.linalg.svd(flat, full_matrices=False)
    rest = flat - (left[:, :HEAD_RANK] * strength[:HEAD_RANK]) @ right[:HEAD_RANK]
    own: FloatArray = rest.reshape(shapes.shape).astype(np.float32)
    return own


def _bends(capture: Capture, rows: IntArray, own: FloatArray) -> list[_Bend]:
    """Kept frames between two close neighbours, with how far their points bend off."""
    times = capture.track.t_s[rows]
    close = np.diff(times) <= temporal_instability.LONGEST_GAP_S
    bend = np.linalg.norm(own[:-2] - 2 * own[1:-1] + own[2:], axis=-1)
    return [
        _Bend(int(rows[k]), int(rows[k - 1]), int(rows[k + 1]), float(np.median(bend[k - 1])))
        for k in range(1, len(rows) - 1)
        if close[k - 1] and close[k] and capture.image_at(int(rows[k])) is not None
    ]


def _inner(capture: Capture, row: int, image: Image, role: Role) -> Outline:
    points = capture.track.landmarks[row, list(SHOWN_POINTS), :2]
    hull = cv2.convexHull(points.astype(np.float32))[:, 0]
    return Outline(within(np.asarray(hull, np.float32), image), role)
