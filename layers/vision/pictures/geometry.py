"""From masks and landmarks of a view to outlines and boxes of its frame."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

import cv2
import numpy as np

from layers.capture.types import BoolArray, Capture, FloatArray, Image
from layers.vision.pictures.records import Box, Outline, Role
from layers.vision.scene import Scene, View, make_view
from verdict.evidence import SignalResult
from verdict.policy import load_policy

# A line through a region's every pixel would be jagged and heavy; crumbs of it are noise.
TOLERANCE_PX = 0.8
CLOSING = np.ones((5, 5), np.uint8)
MAX_PARTS = 6
MIN_PART_SHARE = 0.04
MIN_SIDE_PX = 8
# Movements of a few thousandths of a face are invisible; the caption says the factor.
MAGNIFIED = 12.0


def views_of(capture: Capture, frames: Iterable[int]) -> list[View]:
    """Crop the frames that were kept and show a face large enough."""
    views = []
    for row in frames:
        image = capture.image_at(row)
        if image is not None:
            view = make_view(image, capture.track.landmarks[row, :, :2], row)
            if view is not None:
                views.append(view)
    return views


def typical(capture: Capture, signal: SignalResult, module: ModuleType) -> View | None:
    """Return the view in which the signal alone would read most like the whole capture's result.

    Parameters
    ----------
    module
        The signal's own, so that whatever it measures is what is compared.
    """
    whole = signal.measurements[0].value if signal.measurements else None
    if whole is None:
        return None
    policy = load_policy()
    found: list[tuple[float, int, View]] = []
    for view in views_of(capture, signal.frames):
        alone = module.measure(Scene(capture, (view,)), policy).signal.measurements[0].value
        if alone is not None:
            found.append((abs(alone - whole), view.index, view))
    return min(found, key=lambda one: one[:2])[2] if found else None


def to_frame(view: View, capture: Capture, points: FloatArray) -> FloatArray:
    """Return (K, 2) pixels of a view's crop as pixels of its frame."""
    corner = capture.track.landmarks[view.index, 0, :2] - view.points[0] / view.scale
    # `make_view` cuts at whole pixels.
    moved: FloatArray = (points / view.scale + np.rint(corner)).astype(np.float32)
    return moved


def outlines_of(view: View, capture: Capture, mask: BoolArray, role: Role) -> tuple[Outline, ...]:
    """Return the outlines of a mask's larger parts, within the frame."""
    image = kept_image(capture, view.index)
    lines = (to_frame(view, capture, line) for line in contours(mask))
    return tuple(Outline(within(line, image), role) for line in lines)


def contours(mask: BoolArray) -> list[FloatArray]:
    """Return the outlines of a mask's larger parts, (K, 2) in its own pixels."""
    # Single pixels that a mask leaves out would make its outline a tangle.
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, CLOSING)
    found, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    parts = sorted(found, key=lambda part: -cv2.contourArea(part))[:MAX_PARTS]
    least = MIN_PART_SHARE * float(mask.sum())
    return [
        cv2.approxPolyDP(part, TOLERANCE_PX, closed=True)[:, 0].astype(np.float32)
        for part in parts
        if cv2.contourArea(part) >= least
    ]


def landmark_outline(
    capture: Capture, row: int, indices: Iterable[int], role: Role, *, image: Image
) -> Outline:
    """Return some landmarks as a closed line, within the frame."""
    return Outline(within(capture.track.landmarks[row, list(indices), :2], image), role)


def within(points: FloatArray, image: Image) -> FloatArray:
    """Move points that lie outside the frame to its border."""
    size = np.array([image.shape[1] - 1, image.shape[0] - 1], np.float32)
    inside: FloatArray = np.clip(points, 0, size).astype(np.float32)
    return inside


def box_around(points: FloatArray, image: Image, margin: float, *, at_least: int = 0) -> Box:
    """Return the box of the points with a margin, within the frame.

    Parameters
    ----------
    margin
        Share of the box's longer side.
    at_least
        Pixels of margin that it has in any case.
    """
    height, width = image.shape[:2]
    low, high = points.min(axis=0), points.max(axis=0)
    grown = max(at_least, margin * float((high - low).max()))
    left = int(np.clip(np.floor(low[0] - grown), 0, max(0, width - MIN_SIDE_PX)))
    top = int(np.clip(np.floor(low[1] - grown), 0, max(0, height - MIN_SIDE_PX)))
    right = int(np.clip(np.ceil(high[0] + grown), min(width, left + MIN_SIDE_PX), width))
    bottom = int(np.clip(np.ceil(high[1] + grown), min(height, top + MIN_SIDE_PX), height))
    return Box(left, top, right, bottom)


def magnified(
    shape: FloatArray, own: FloatArray, points: list[int], moved: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Turn movements within the median face into arrows on one frame, `MAGNIFIED` times as long.

    Parameters
    ----------
    shape, own
        (478, 2) of this frame, laid over the median face and in pixels.
    moved
        (K, 2) movement of each of `points`, in the unit of `shape`.
    """
    plane = np.array([1, 1j])
    source, target = shape.astype(np.float64) @ plane, own.astype(np.float64) @ plane
    source = source - source.mean()
    factor = np.vdot(source, target - target.mean()) / np.vdot(source, source)
    step = MAGNIFIED * factor * (moved.astype(np.float64) @ plane)
    start = own[points]
    end = start + np.stack([step.real, step.imag], axis=1)
    return start.astype(np.float32), end.astype(np.float32)


def view_box(view: View, capture: Capture) -> Box:
    """Return the part of the frame that a view shows."""
    height, width = view.rgb.shape[:2]
    corners = to_frame(view, capture, np.array([(0, 0), (width, height)], np.float32))
    return box_around(corners, kept_image(capture, view.index), 0.0)


def widest_square(mask: BoolArray) -> tuple[int, int, int] | None:
    """Return column, row and half side of the largest square within a mask."""
    padded = np.pad(mask, 1).astype(np.uint8)
    room = cv2.distanceTransform(padded, cv2.DIST_C, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(np.argmax(room)), room.shape)
    half = int(room[row, column]) - 1
    return (int(column), int(row), half) if half >= 1 else None


def kept_image(capture: Capture, row: int) -> Image:
    """Return the pixels of a frame that the caller has checked to be kept.

    Raises
    ------
    ValueError
        When it was not.
    """
    image = capture.image_at(row)
    if image is None:
        msg = f"frame {row} was not kept: no picture can be made of it"
        raise ValueError(msg)
    return image
