"""Draw what `layers.vision.pictures` describes: a part of a frame with outlines, heat or arrows.

Lines are SVG over the picture, so that they stay thin and sharp on screen and on paper. What was
looked at is solid, its reference dashed: the colours need not be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import cv2
import numpy as np
from markupsafe import Markup

from layers.capture.types import Capture, FloatArray, Image
from layers.vision.pictures import Box, Derived, Outline, Role, Shot
from service.report.pictures import jpeg, png

# Drawn at twice the size shown: screens and printers have the pixels.
DRAWN_HEIGHT = 480
MAX_WIDTH = 960
# Fewer pixels than this are shown as they are: smoothing would hide the detail they are about,
# and JPEG would add its own.
MAGNIFIED_PX = 110
HEAT_OPACITY = 0.75
_CSS = {Role.LOOKED_AT: "own", Role.REFERENCE: "ref", None: ""}


@dataclass(frozen=True, slots=True)
class Figure:
    """One drawn panel.

    Parameters
    ----------
    size
        ``large`` for what shows where something lies, ``small`` for what shows the thing itself.
    """

    svg: Markup
    caption: str
    role: str
    css: str
    size: str
    has_heat: bool = False


def draw_panel(capture: Capture, panel: Shot | Derived) -> Figure | None:
    """Return a panel as an SVG element; None when its frame was not kept."""
    if isinstance(panel, Derived):
        height, width = panel.pixels.shape[:2]
        body = _outlined(panel.pixels, Box(0, 0, width, height), panel)
        return _figure(body, panel, "large" if panel.role is None else "small")
    image, box = capture.image_at(panel.frame), panel.box
    if image is None:
        return None
    part = np.ascontiguousarray(image[box.top : box.bottom, box.left : box.right])
    overlaid = panel.heat is not None or panel.arrows is not None
    return _figure(
        _outlined(part, box, panel), panel, "large" if overlaid or panel.role is None else "small"
    )


def _figure(body: str, panel: Shot | Derived, size: str) -> Figure:
    label = panel.caption if panel.role is None else f"{panel.caption} ({panel.role})"
    # All of it is numbers, addresses of our own making, or escaped here.
    svg = Markup(  # noqa: S704  # nosec B704
        f'<svg class="panel" role="img" aria-label="{escape(label)}" {body}</svg>'
    )
    has_heat = isinstance(panel, Shot) and panel.heat is not None
    role = str(panel.role or "")
    return Figure(svg, panel.caption, role, _CSS[panel.role], size, has_heat)


def _outlined(part: Image, box: Box, panel: Shot | Derived) -> str:
    """Return the rest of the element: its size, the picture, and what lies over it."""
    height, width = part.shape[:2]
    scale = min(DRAWN_HEIGHT / height, MAX_WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    corner = np.array((box.left, box.top), np.float32)
    over = [_line(outline, corner, scale) for outline in panel.outlines]
    if isinstance(panel, Shot):
        if panel.heat is not None and panel.heat_box is not None:
            over.insert(0, _heat(panel.heat, panel.heat_box, corner, scale))
        if panel.arrows is not None:
            over += [_arrow(arrow, corner, scale) for arrow in panel.arrows]
    return f'viewBox="0 0 {size[0]} {size[1]}">{_picture(part, size)}{"".join(over)}'


def _picture(part: Image, size: tuple[int, int]) -> str:
    exact = max(part.shape[:2]) <= MAGNIFIED_PX
    if exact:
        uri = png(np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2BGR), np.uint8))
    elif part.shape[0] > size[1]:
        uri = jpeg(np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8))
    else:
        uri = jpeg(part)
    css = ' class="exact"' if exact else ""
    return (
        f'<image{css} href="{uri}" width="{size[0]}" height="{size[1]}" '
        'preserveAspectRatio="none"/>'
    )


def _heat(heat: FloatArray, box: Box, corner: FloatArray, scale: float) -> str:
    level = np.clip(heat, 0, 1)
    colours = cv2.applyColorMap(np.rint(255 * level).astype(np.uint8), cv2.COLORMAP_INFERNO)
    opacity = np.rint(255 * HEAT_OPACITY * level).astype(np.uint8)
    uri = png(np.dstack([colours, opacity]).astype(np.uint8))
    x, y = (np.array((box.left, box.top)) - corner) * scale
    width, height = (box.right - box.left) * scale, (box.bottom - box.top) * scale
    return (
        f'<image href="{uri}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        'preserveAspectRatio="none"/>'
    )


def _line(outline: Outline, corner: FloatArray, scale: float) -> str:
    points = (outline.points - corner) * scale
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if outline.closed else "")
    # A dark line beneath keeps the bright one visible on bright skin.
    return f'<path class="under" d="{path}"/><path class="line {_CSS[outline.role]}" d="{path}"/>'


def _arrow(arrow: FloatArray, corner: FloatArray, scale: float) -> str:
    (x, y), (to_x, to_y) = (arrow - corner) * scale
    path = f"M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}"
    return (
        f'<path class="under" d="{path}"/><path class="line arrow" d="{path}"/>'
        f'<circle class="foot" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
    )
