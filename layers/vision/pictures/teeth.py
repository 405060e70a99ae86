"""The picture of TEETH_RENDERING: teeth and eyes of one frame, as seen and as detail along rows."""

from __future__ import annotations

import numpy as np

from layers.capture.types import BoolArray, Capture, FloatArray
from layers.vision import mesh, teeth_rendering
from layers.vision.pictures.geometry import (
    box_around,
    kept_image,
    outlines_of,
    to_frame,
    typical,
    view_box,
)
from layers.vision.pictures.records import Derived, Picture, Role, Shot
from layers.vision.scene import View
from verdict.evidence import SignalResult

MARGIN = 0.25


def teeth(capture: Capture, signal: SignalResult) -> Picture | None:
    """Teeth beside the eye of the same frame, magnified alike."""
    view = typical(capture, signal, teeth_rendering)
    mask = None if view is None else teeth_rendering.teeth(view)
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
    full = max(float(np.percentile(along[view.regions.eyes], 97)), 1e-3)
    named: tuple[tuple[str, mesh.Points, BoolArray, Role], ...] = (
        ("mouth", mesh.INNER_LIPS, mask, Role.LOOKED_AT),
        ("eye", mesh.EYE_LEFT, view.regions.eyes, Role.REFERENCE),
    )
    magnified = [part for one in named for part in _magnified(view, capture, along / full, one)]
    return Picture(signal.code, sentence, (overview, *magnified))


def _magnified(
    view: View,
    capture: Capture,
    detail: FloatArray,
    named: tuple[str, mesh.Points, BoolArray, Role],
) -> tuple[Shot, Derived]:
    name, outline, mask, role = named
    part = box_around(view.points[list(outline)], view.rgb, MARGIN)
    corners = to_frame(view, capture, np.array([part[:2], part[2:]], np.float32))
    box = box_around(corners, kept_image(capture, view.index), 0.0)
    within = np.zeros_like(mask)
    within[part.top : part.bottom, part.left : part.right] = True
    lines = outlines_of(view, capture, mask & within, role)
    shades = np.clip(255 * detail[part.top : part.bottom, part.left : part.right], 0, 255)
    pixels = np.repeat(shades.astype(np.uint8)[..., None], 3, axis=2)
    return (
        Shot(view.index, box, f"{name}, magnified", lines, role),
        Derived(view.index, np.ascontiguousarray(pixels), f"{name}, detail along rows", role=role),
    )
