"""Pictures of what is compared within one frame: detail, seam, teeth, colour.

Of the frames that a signal rests on, the one that is most like the reported median is shown: not
the worst one.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from layers.capture.types import BoolArray, Capture, FloatArray, Image
from layers.vision import boundary_artifacts, mesh, skin_tone_mismatch, texture_smoothing
from layers.vision.pictures.geometry import (
    box_around,
    contours,
    kept_image,
    outlines_of,
    to_frame,
    typical,
    view_box,
    widest_square,
    within,
)
from layers.vision.pictures.records import Derived, Outline, Picture, Role, Shot, Swatch
from layers.vision.reading import detail_energy
from layers.vision.scene import View
from verdict.evidence import SignalResult

# The magnified patches are squares of one size; around an eye they show more than the eye.
PATCH_HALF_PX = (10, 20)
SEAM_HEIGHT = 4  # how many times the unrolled contour is stretched, rays and offsets alike


def texture(capture: Capture, signal: SignalResult) -> Picture | None:
    """Eyes and skin beside hairline and neck: patches as seen, and their fine detail."""
    view = typical(capture, signal, texture_smoothing)
    if view is None:
        return None
    regions = view.regions
    parts = [
        ("eyes", regions.eyes, Role.LOOKED_AT),
        ("skin", regions.skin, Role.LOOKED_AT),
        ("hairline", regions.surround, Role.REFERENCE),
    ]
    if regions.neck is not None:
        parts.append(("neck", regions.neck, Role.REFERENCE))
    band = np.abs(view.bands[0])
    detail = [(name, detail_energy(band, mask)) for name, mask, _ in parts]
    numbers = ", ".join(f"{name} {value:.2f}" for name, value in detail if value is not None)
    sentence = (
        f"Finest detail in frame {view.index}, in steps of Lab lightness: {numbers}. The patches "
        "show the middle of each region, magnified alike; bright is detail, amplified alike."
    )
    reference = regions.surround if regions.neck is None else regions.surround | regions.neck
    overview = _overview(view, capture, regions.eyes | regions.skin, reference, "both sides")
    return Picture(signal.code, sentence, (overview, *_patches(view, band, parts)))


def tone(capture: Capture, signal: SignalResult) -> Picture | None:
    """The two regions, and their colours as flat swatches."""
    view = typical(capture, signal, skin_tone_mismatch)
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
        f"The middle colours of both regions in frame {view.index}: {distance:.1f} apart in Lab "
        "a, b. A neck is often darker than the face; compare the two swatches of equal lightness."
    )
    shown = _overview(view, capture, face, view.regions.neck, "face against neck")
    return Picture(signal.code, sentence, (shown,), swatches)


def seam(capture: Capture, signal: SignalResult) -> Picture | None:
    """The line along which colour and detail step, on the face and on the unrolled contour."""
    view = typical(capture, signal, boundary_artifacts)
    if view is None:
        return None
    _, offset = boundary_artifacts.seam(view)
    image = kept_image(capture, view.index)

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
        f"In frame {view.index} colour and detail step most {-100 * offset:.0f} % of the radius "
        "inside the face contour, all around it, compared with every line parallel to it between "
        "the dashed ones. In the unrolled contour a seam is a level edge from end to end; hair, "
        "beard and shadow are not."
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
        view.index,
        np.asarray(large, np.uint8),
        "contour laid flat: once round from the forehead, outside at the top",
        outlines,
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
    view: View, band: FloatArray, parts: Sequence[tuple[str, BoolArray, Role]]
) -> tuple[Derived, ...]:
    """Squares of one size from the middle of every region: all as seen, then all as detail."""
    squares = [(part, widest_square(part[1])) for part in parts]
    known = [(part, square) for part, square in squares if square is not None]
    if {part[2] for part, _ in known} != set(Role):
        return ()
    half = int(np.clip(min(square[2] for _, square in known), *PATCH_HALF_PX))
    full = max(float(np.percentile(band[parts[-1][1]], 97)), 1e-3)
    grey = np.clip(255 * band / full, 0, 255).astype(np.uint8)
    shades = np.repeat(grey[..., None], 3, axis=2)
    panels = []
    for pixels, what in ((view.rgb, "magnified"), (shades, "detail")):
        for (name, mask, role), (column, row, _) in known:
            box = box_around(np.array([(column, row)], np.float32), pixels, 0.0, at_least=half)
            cut = np.ascontiguousarray(pixels[box.top : box.bottom, box.left : box.right])
            lines = tuple(Outline(line - box[:2], role) for line in contours(mask))
            panels.append(Derived(view.index, cut, f"{name}, {what}", lines, role))
    return tuple(panels)


def _swatch(lab: FloatArray, name: str, role: Role) -> Swatch:
    pixel = _rgb(np.asarray(lab, np.float32).reshape(1, 1, 3))[0, 0]
    light, a, b = (float(value) for value in lab)
    rgb = (int(pixel[0]), int(pixel[1]), int(pixel[2]))
    return Swatch(rgb, f"{name}: L {light:.0f}, a {a:.0f}, b {b:.0f}", role)


def _rgb(lab: FloatArray) -> Image:
    colours = cv2.cvtColor(lab.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(np.rint(255 * colours), 0, 255), np.uint8)
