"""Pictures of the cues of paper and screens: the surface close up, and motion as one plane."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import cv2
import numpy as np

from layers.capture.types import Capture, FloatArray, Image
from layers.vision import mesh
from layers.vision.pictures.geometry import (
    box_around,
    kept_image,
    landmark_outline,
    views_of,
)
from layers.vision.pictures.motion import unexplained
from layers.vision.pictures.records import Box, Derived, Outline, Picture, Role, Shot
from layers.vision.presentation import plane
from verdict.evidence import RiskSource

# How far out from the cheek, in face widths, and how large a piece is looked at.
SURROUND_WIDTHS = 0.6
PIECE_HALF_PX = 40
MAX_CORNERS = 200
PLANE_PX = 2.0
LEAST_CORNERS = 12


def presentation(capture: Capture, source: RiskSource) -> Picture | None:
    """Show the cue that lies furthest beyond its threshold; none where none does."""
    known = [
        (one.value / one.threshold, one.name, one.frames)
        for one in source.measurements
        if one.value is not None and one.threshold and one.frames and one.value >= one.threshold
    ]
    if not known:
        return None
    _, name, frames = max(known)
    if name == plane.NAME:
        return _one_plane(capture, frames, source.name)
    return _surface(capture, frames, source.name)


def _one_plane(capture: Capture, frames: Iterable[int], name: str) -> Picture | None:
    """Two frames, the later laid over the earlier by the motion of the surroundings alone."""
    rows = [row for row in sorted(frames) if capture.image_at(row) is not None]
    pairs = list(pairwise(rows))
    if not pairs:
        return None
    middle = capture.track.landmarks[:, list(mesh.STABLE), :2].mean(axis=1)
    one, two = max(pairs, key=lambda p: float(np.linalg.norm(middle[p[1]] - middle[p[0]])))
    box = _around(capture, one, two)
    before, after = (_cut(kept_image(capture, row), box) for row in (one, two))
    over = _laid_over(before, after, _in_box(capture, one, box))
    if over is None:
        return None
    whole = np.ones(before.shape[:2], np.uint8)
    contour = Outline(_in_box(capture, one, box), Role.LOOKED_AT)
    shots = [
        Shot(
            row,
            box,
            f"frame {row}",
            (
                _square(box, Role.REFERENCE),
                landmark_outline(
                    capture, row, mesh.OVAL, Role.LOOKED_AT, image=kept_image(capture, row)
                ),
            ),
        )
        for row in (one, two)
    ]
    left = Derived(
        two, unexplained(before, over, whole), "what is left: nothing is dark", (contour,)
    )
    sentence = (
        f"Frame {two} is laid over frame {one} by the motion of the surroundings alone. A print or "
        "screen comes to rest as a whole: face and surroundings are dark in the last picture. A "
        "head before a room moves by itself and leaves bright edges inside the outline."
    )
    return Picture(name, sentence, (*shots, left))


def _around(capture: Capture, *rows: int) -> Box:
    """Return the part of the frame that the cue follows: the face and what surrounds it."""
    points = capture.track.landmarks[list(rows), :, :2]
    width = float(mesh.face_width(points[0]))
    image = kept_image(capture, rows[0])
    return box_around(points.reshape(-1, 2), image, 0.0, at_least=round(plane.AROUND * width))


def _cut(image: Image, box: Box) -> Image:
    return np.ascontiguousarray(image[box.top : box.bottom, box.left : box.right])


def _in_box(capture: Capture, row: int, box: Box) -> FloatArray:
    oval: FloatArray = capture.track.landmarks[row, list(mesh.OVAL), :2] - np.array(
        box[:2], np.float32
    )
    return oval


def _laid_over(before: Image, after: Image, oval: FloatArray) -> Image | None:
    """Warp the later picture by the homography that its surroundings follow."""
    grey_before, grey_after = (cv2.cvtColor(one, cv2.COLOR_RGB2GRAY) for one in (before, after))
    surround = (~mesh.hull_mask(grey_before.shape, oval)).astype(np.uint8)
    corners = cv2.goodFeaturesToTrack(grey_before, MAX_CORNERS, 0.01, 5, mask=surround)
    if corners is None:
        return None
    moved, seen, _ = cv2.calcOpticalFlowPyrLK(grey_before, grey_after, corners, corners.copy())
    followed = seen[:, 0].astype(bool)
    if followed.sum() < LEAST_CORNERS:
        return None
    motion, _ = cv2.findHomography(moved[followed], corners[followed], cv2.RANSAC, PLANE_PX)
    if motion is None:
        return None
    size = (before.shape[1], before.shape[0])
    warped = cv2.warpPerspective(after, motion, size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def _surface(capture: Capture, frames: Iterable[int], name: str) -> Picture | None:
    """The frame, and a piece of skin and of the surroundings pixel by pixel."""
    views = views_of(capture, frames)
    if not views:
        return None
    view = views[len(views) // 2]
    image = kept_image(capture, view.index)
    points = capture.track.landmarks[view.index, :, :2]
    cheek = points[list(mesh.CHEEK_LEFT)].mean(axis=0)
    outward = cheek + SURROUND_WIDTHS * (points[mesh.SIDE_LEFT] - points[mesh.SIDE_RIGHT])
    places = ((cheek, "skin", Role.LOOKED_AT), (outward, "surroundings", Role.REFERENCE))
    panels = [
        Shot(
            view.index,
            Box(0, 0, image.shape[1], image.shape[0]),
            f"frame {view.index}",
            tuple(_square(_piece(place, image), role) for place, _, role in places),
        )
    ]
    panels += [
        Shot(view.index, _piece(place, image), f"{what}, pixel by pixel", role=role)
        for place, what, role in places
    ]
    sentence = (
        f"Frame {view.index}: a screen shows its grid or coloured bands on skin and surroundings "
        "alike, a print its dots; skin before a camera has neither."
    )
    return Picture(name, sentence, tuple(panels))


def _piece(place: FloatArray, image: Image) -> Box:
    """Return a small square around a point, moved into the frame."""
    size = np.array([image.shape[1], image.shape[0]], np.float32)
    inside = np.clip(place, PIECE_HALF_PX, np.maximum(size - PIECE_HALF_PX, PIECE_HALF_PX))
    return box_around(inside[None], image, 0.0, at_least=PIECE_HALF_PX)


def _square(box: Box, role: Role) -> Outline:
    corners = [(box.left, box.top), (box.right - 1, box.top)]
    corners += [(box.right - 1, box.bottom - 1), (box.left, box.bottom - 1)]
    return Outline(np.array(corners, np.float32), role)
