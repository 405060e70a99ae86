"""The few frames the vision layer looks at closely, cropped to the face at one working size.

Faces are shrunk to a common width and never enlarged, so that what is compared does not depend
on the resolution of the recording.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from layers.capture.types import Capture, FloatArray, Image, IntArray
from layers.vision import mesh
from layers.vision.regions import Regions, draw_regions

FACE_WIDTH_PX = 150.0
MIN_FACE_WIDTH_PX = 32.0
MAX_VIEWS = 12
MAX_SMILES = 4
BAND_SIGMAS_PX = (0.7, 1.4, 2.8)
# Share of face widths kept around the face: room for hair, ears, neck and background.
MARGIN = (0.55, 0.45, 0.75)


@dataclass(frozen=True, slots=True)
class View:
    """One frame, cropped around the face.

    Parameters
    ----------
    index
        Row of the track.
    rgb
        (H, W, 3) crop with a face at most 150 px wide.
    points
        (478, 2) landmarks in pixels of the crop.
    bands
        Differences of Gaussians of the lightness, one octave each, finest first.
    """

    index: int
    rgb: Image
    points: FloatArray
    scale: float
    lab: FloatArray
    bands: tuple[FloatArray, ...]
    regions: Regions

    @property
    def width(self) -> float:
        """Face width in pixels of the crop."""
        return float(mesh.face_width(self.points))


@dataclass(frozen=True, slots=True)
class Scene:
    """The capture with its chosen views, in the order of the track.

    Parameters
    ----------
    views
        Spread over the capture, see `choose_frames`.
    smiles
        Up to four further views with the widest open mouth, where teeth show.
    """

    capture: Capture
    views: tuple[View, ...]
    smiles: tuple[View, ...] = ()


def prepare(capture: Capture) -> Scene:
    """Choose the frames, crop them and draw their regions."""
    chosen = choose_frames(capture)
    return Scene(
        capture,
        views_of(capture, chosen),
        views_of(capture, _widest_mouths(capture, {int(index) for index in chosen})),
    )


def views_of(capture: Capture, rows: Iterable[int]) -> tuple[View, ...]:
    """Crops of the given rows of the track, as far as their pixels were kept and show a face."""
    views = []
    for row in rows:
        image = capture.image_at(int(row))
        if image is not None:
            view = make_view(image, capture.track.landmarks[row, :, :2], int(row))
            if view is not None:
                views.append(view)
    return tuple(views)


def _widest_mouths(capture: Capture, taken: set[int]) -> list[int]:
    if not capture.images:
        return []
    mar = capture.track.mar
    rows = [k for k in capture.kept if k not in taken and np.isfinite(mar[k])]
    rows = [k for k in rows if mar[k] > 0]
    return sorted(sorted(rows, key=lambda k: -float(mar[k]))[:MAX_SMILES])


def choose_frames(capture: Capture, limit: int = MAX_VIEWS) -> IntArray:
    """Indices of the frames to look at: the sharpest of each stretch and its next neighbour.

    Neighbours show what changes from frame to frame; the stretches cover the whole capture.
    """
    track = capture.track
    if not capture.images:
        return np.empty(0, np.int32)
    usable = np.array([k for k in capture.kept if track.found[k]], np.int32)
    if len(usable) <= limit:
        return usable
    sharp = np.nan_to_num(track.sharpness[usable])
    chosen: set[int] = set()
    for stretch in np.array_split(np.arange(len(usable)), limit // 2):
        first = int(stretch[np.argmax(sharp[stretch])])
        partner = first + 1 if first + 1 < len(usable) else first - 1
        chosen |= {first, partner}
    return usable[sorted(chosen)]


def make_view(image: Image, points: FloatArray, index: int) -> View | None:
    """Crop one frame; None when the face is too small or out of the picture."""
    width = float(mesh.face_width(points))
    if not np.isfinite(width) or width < MIN_FACE_WIDTH_PX:
        return None
    top, side, bottom = (share * width for share in MARGIN)
    x0, y0 = points.min(axis=0) - (side, top)
    x1, y1 = points.max(axis=0) + np.array([side, bottom])
    height, breadth = image.shape[:2]
    left, upper = max(0, int(x0)), max(0, int(y0))
    right, lower = min(breadth, int(x1) + 1), min(height, int(y1) + 1)
    if right - left < MIN_FACE_WIDTH_PX or lower - upper < MIN_FACE_WIDTH_PX:
        return None
    crop = np.ascontiguousarray(image[upper:lower, left:right])
    scale = min(1.0, FACE_WIDTH_PX / width)
    if scale < 1.0:
        crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    moved = ((points - (left, upper)) * scale).astype(np.float32)
    lab = np.asarray(cv2.cvtColor(crop.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB), np.float32)
    bands = octaves(lab[..., 0])
    return View(index, crop, moved, scale, lab, bands, draw_regions(lab, moved))


def octaves(lightness: FloatArray) -> tuple[FloatArray, ...]:
    """Split a lightness image into three octaves, finest first (Burt and Adelson 1983)."""
    bands = []
    previous = lightness
    for sigma in BAND_SIGMAS_PX:
        smooth = np.asarray(cv2.GaussianBlur(lightness, (0, 0), sigma), np.float32)
        bands.append(previous - smooth)
        previous = smooth
    return tuple(bands)
