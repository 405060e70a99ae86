"""The picture of TEETH_RENDERING: teeth and eyes of one frame, as seen and as detail along rows."""

from __future__ import annotations

import numpy as np

from layers.capture.types import Capture, FloatArray
from layers.vision import mesh
from layers.vision.pictures.geometry import (
    box_around,
    nearest,
    outlines_of,
    to_frame,
    view_box,
    views_of,
)
from layers.vision.pictures.records import Box, Derived, Picture, Role, Shot
from layers.vision.scene import View
from layers.vision.teeth_rendering import eye_lead
from layers.vision.teeth_rendering import teeth as teeth_mask
from verdict.evidence import SignalResult

MARGIN = 0.25


def teeth(capture: Capture, signal: SignalResult) -> Picture | None:
    """Teeth beside the eye of the same frame, magnified alike."""
    views = views_of(capture, signal.frames)
    masks = {view.index: teeth_mask(view) for view in views}
    leads = [None if (m := masks[v.index]) is None else eye_lead(v, m) for v in views]
    typical = signal.measurements[0].value if signal.measurements else None
    view = None if typical is None else nearest(views, leads, typical)
    mask = None if view is None else masks[view.index]
    if view is None or mask is None:
        return None
    along = np.abs(np.diff(view.bands[0], axis=1, prepend=view.bands[0][:, :1]))
    own, eyes = float(along[mask].mean()), float(along[view.regions.eyes].mean())
    sentence = (
        f"In frame {view.index} the teeth have {own:.2f} of detail along rows, the eyes {eyes:.2f} "
        "(Lab lightness). Gaps between separate teeth are what should show."
    )
    overview = Shot(
        view.index,
        view_box(view, capture),
        f"frame {view.index}: teeth against eyes",
        (
            *outlines_of(view, capture, view.regions.eyes, Role.REFERENCE),
            *outlines_of(view, capture, mask, Role.LOOKED_AT),
        ),
    )
    panels = [overview]
    full = max(float(np.percentile(along[view.regions.eyes], 97)), 1e-3)
    named: tuple[tuple[str, mesh.Points, Role], ...] = (
        ("mouth", mesh.INNER_LIPS, Role.LOOKED_AT),
        ("eye", mesh.EYE_LEFT, Role.REFERENCE),
    )
    magnified = [part for one in named for part in _magnified(view, capture, along / full, one)]
    return Picture(signal.code, sentence, (*panels, *magnified))


def _magnified(
    view: View,
    capture: Capture,
    detail: FloatArray,
    named: tuple[str, mesh.Points, Role],
) -> tuple[Shot, Derived]:
    name, outline, role = named
    points = view.points[list(outline)]
    part = box_around(points, view.rgb, MARGIN)
    corners = to_frame(view, capture, np.array([part[:2], part[2:]], np.float32))
    image = capture.image_at(view.index)
    box = Box(*part) if image is None else box_around(corners, image, 0.0)
    shades = np.clip(255 * detail[part.top : part.bottom, part.left : part.right], 0, 255)
    pixels = np.repeat(shades.astype(np.uint8)[..., None], 3, axis=2)
    return (
        Shot(view.index, box, f"{name}, magnified", role=role),
        Derived(view.index, np.ascontiguousarray(pixels), f"{name}, detail along rows", role=role),
    )
