"""Pictures of what is compared within one frame: detail, seam, teeth, colour.

Of the frames that a signal rests on, the one that is most like the reported median is shown: not
the worst one.
"""

from __future__ import annotations

import cv2
import numpy as np

from layers.capture.types import BoolArray, Capture, FloatArray, Image
from layers.vision import boundary_artifacts, mesh
from layers.vision.pictures.geometry import (
    nearest,
    outlines_of,
    to_frame,
    view_box,
    views_of,
    widest_square,
    within,
)
from layers.vision.pictures.records import Derived, Outline, Picture, Role, Shot, Swatch
from layers.vision.reading import detail_energy
from layers.vision.scene import View
from layers.vision.skin_tone_mismatch import chroma_difference
from layers.vision.texture_smoothing import deficit
from verdict.evidence import SignalResult

# The magnified patches are squares of one size in both regions.
PATCH_HALF_PX = 20
MIN_HALF_PX = 5
SEAM_HEIGHT = 4  # how many times the unrolled contour is stretched, rays and offsets alike


def texture(capture: Capture, signal: SignalResult) -> Picture | None:
    """Cheek beside neck (hairline without one), as seen and as fine detail."""
    views = views_of(capture, signal.frames)
    has_neck = _measured(signal, "detail_below_neck_octaves") is not None
    where = "neck" if has_neck else "hairline and ears"

    def reference(view: View) -> BoolArray | None:
        return view.regions.neck if has_neck else view.regions.surround

    typical = _measured(
        signal, "detail_below_neck_octaves" if has_neck else "detail_below_surround_octaves"
    )
    values = [deficit(view, reference(view)) for view in views]
    view = None if typical is None else nearest(views, values, typical)
    other = None if view is None else reference(view)
    if view is None or other is None:
        return None
    band = np.abs(view.bands[0]) + np.abs(view.bands[1])
    own = detail_energy(band, view.regions.skin)
    theirs = detail_energy(band, other)
    if own is None or theirs is None:
        return None
    sentence = (
        f"In frame {view.index} the skin of the face has {own:.2f} of fine detail, "
        f"the {where} {theirs:.2f} (Lab lightness, trimmed mean). "
        "The patches are magnified alike, the detail is amplified alike."
    )
    panels: tuple[Shot | Derived, ...] = (
        _overview(view, capture, view.regions.skin, other, f"face against {where}"),
        *_patches(view, capture, band, (view.regions.skin, other), ("face", where)),
    )
    return Picture(signal.code, sentence, panels)


def tone(capture: Capture, signal: SignalResult) -> Picture | None:
    """The two regions, and their colours as flat swatches."""
    views = views_of(capture, signal.frames)
    apart = [chroma_difference(view) for view in views]
    typical = signal.measurements[0].value if signal.measurements else None
    excess = [None if d is None else d[0] - d[1] for d in apart]
    view = None if typical is None else nearest(views, excess, typical)
    if view is None or view.regions.neck is None:
        return None
    face = view.regions.skin | view.regions.chin
    own, neck = (np.median(view.lab[mask], axis=0) for mask in (face, view.regions.neck))
    light = (own[0] + neck[0]) / 2
    swatches = (
        _swatch(own, "face", Role.LOOKED_AT),
        _swatch(neck, "neck", Role.REFERENCE),
        _swatch(np.array([light, *own[1:]]), "face, equally light", Role.LOOKED_AT),
        _swatch(np.array([light, *neck[1:]]), "neck, equally light", Role.REFERENCE),
    )
    distance = float(np.linalg.norm(own[1:] - neck[1:]))
    sentence = (
        f"In frame {view.index} face and neck lie {distance:.1f} apart in Lab a, b. "
        "Light and shade are left out: compare the two swatches of equal lightness."
    )
    shown = _overview(view, capture, face, view.regions.neck, "cheeks, forehead and chin, neck")
    return Picture(signal.code, sentence, (shown,), swatches)


def seam(capture: Capture, signal: SignalResult) -> Picture | None:
    """The line along which colour and detail step, on the face and on the unrolled contour."""
    views = views_of(capture, signal.frames)
    found = [boundary_artifacts.seam(view) for view in views]
    typical = signal.measurements[0].value if signal.measurements else None
    view = None if typical is None else nearest(views, [peak for peak, _ in found], typical)
    if view is None:
        return None
    peak, offset = found[views.index(view)]
    image = capture.image_at(view.index)
    if image is None:
        return None

    def ring(at: float, role: Role) -> Outline:
        contour = view.points[list(mesh.OVAL)]
        centre = contour.mean(axis=0)
        line = centre + (1.0 + at) * (contour - centre)
        return Outline(within(to_frame(view, capture, line), image), role)

    inner, outer = boundary_artifacts.INSIDE
    outlines = (
        ring(inner, Role.REFERENCE),
        ring(outer, Role.REFERENCE),
        ring(offset, Role.LOOKED_AT),
    )
    shown = Shot(
        view.index,
        view_box(view, capture),
        f"frame {view.index}: the seam, between the lines that it is compared with",
        outlines,
    )
    sentence = (
        f"In frame {view.index} the strongest step lies {-100 * offset:.0f} % of the radius inside "
        f"the face contour and is {2**peak:.1f} times the usual step at parallel lines. In the "
        "unrolled contour a seam is a level edge from end to end; hair, beard and shadow are not."
    )
    return Picture(signal.code, sentence, (shown, _unrolled(view, offset)))


def _unrolled(view: View, offset: float) -> Derived:
    """The contour laid flat: once around from left to right, outside at the top."""
    strip = boundary_artifacts.unroll(view)[..., :3]
    pixels = _rgb(np.ascontiguousarray(strip.transpose(1, 0, 2)[::-1]))
    offsets = boundary_artifacts.OFFSETS
    height, width = pixels.shape[0] * SEAM_HEIGHT, pixels.shape[1] * SEAM_HEIGHT
    large = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC)

    def level(at: float, role: Role) -> Outline:
        share = (at - offsets[0]) / (offsets[-1] - offsets[0])
        row = (1.0 - share) * (height - 1)
        line = np.array([(0.0, row), (width - 1.0, row)], np.float32)
        return Outline(line, role, closed=False)

    inner, outer = boundary_artifacts.INSIDE
    outlines = (
        level(inner, Role.REFERENCE),
        level(outer, Role.REFERENCE),
        level(offset, Role.LOOKED_AT),
    )
    return Derived(
        view.index, np.asarray(large, np.uint8), "contour laid flat, outside at the top", outlines
    )


def _overview(
    view: View, capture: Capture, own: BoolArray, reference: BoolArray, caption: str
) -> Shot:
    outlines = (
        *outlines_of(view, capture, reference, Role.REFERENCE),
        *outlines_of(view, capture, own, Role.LOOKED_AT),
    )
    box = view_box(view, capture)
    return Shot(view.index, box, f"frame {view.index}: {caption}", outlines)


def _patches(
    view: View,
    capture: Capture,
    band: FloatArray,
    masks: tuple[BoolArray, BoolArray],
    names: tuple[str, str],
) -> tuple[Derived, ...]:
    """Squares of one size from both regions, as seen and as amplified detail."""
    squares = [widest_square(mask) for mask in masks]
    known = [square for square in squares if square is not None]
    half = min([PATCH_HALF_PX, *(square[2] for square in known)])
    if len(known) < len(squares) or half < MIN_HALF_PX:
        return ()
    full = max(float(np.percentile(band[masks[1]], 97)), 1e-3)
    grey = np.clip(255 * band / full, 0, 255).astype(np.uint8)
    panels = []
    for role, name, (column, row, _) in zip(Role, names, known, strict=True):
        part = np.s_[row - half : row + half + 1, column - half : column + half + 1]
        shades = np.ascontiguousarray(np.repeat(grey[part][..., None], 3, axis=2))
        seen = np.ascontiguousarray(view.rgb[part])
        panels += [
            Derived(view.index, seen, f"{name}, magnified", role=role),
            Derived(view.index, shades, f"{name}, fine detail", role=role),
        ]
    return tuple(panels)


def _swatch(lab: FloatArray, name: str, role: Role) -> Swatch:
    pixel = _rgb(np.asarray(lab, np.float32).reshape(1, 1, 3))[0, 0]
    light, a, b = (float(value) for value in lab)
    rgb = (int(pixel[0]), int(pixel[1]), int(pixel[2]))
    return Swatch(rgb, f"{name}: L {light:.0f}, a {a:.0f}, b {b:.0f}", role)


def _rgb(lab: FloatArray) -> Image:
    colours = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(np.rint(255 * colours), 0, 255), np.uint8)


def _measured(signal: SignalResult, name: str) -> float | None:
    return next((m.value for m in signal.measurements if m.name == name), None)
