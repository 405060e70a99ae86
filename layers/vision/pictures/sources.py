"""Pictures of the networks that look at pixels: heat over the face, presentation crops."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from layers.capture.types import Capture, FloatArray
from layers.vision import mesh
from layers.vision.pictures.geometry import (
    box_around,
    kept_image,
    landmark_outline,
    to_frame,
    view_box,
    views_of,
    within,
)
from layers.vision.pictures.records import Box, Outline, Picture, Role, Shot
from layers.vision.scene import View, prepare
from verdict.evidence import RiskSource


def heat(capture: Capture, models: Mapping[str, str]) -> Picture | None:
    """Heat over the frame in which the face shows the most of it, and the one with the least.

    Parameters
    ----------
    models
        Digests of the models that decided. Heat of another network would explain nothing, so
        there is none without the same digest.
    """
    from layers.vision.pictures import cell_heat  # loads the network: only when it is drawn

    if models.get(cell_heat.NAME) != cell_heat.digest():
        return None
    views = prepare(capture).views
    views = views[:: max(1, -(-len(views) // cell_heat.MAX_VIEWS))]
    if not views:
        return None
    found = []
    for view in views:
        cells, corners = cell_heat.cell_heat(view)
        inside, outside = cell_heat.inside_and_outside(view, cells, corners)
        found.append((inside, outside, view, cells, corners))
    most = max(found, key=lambda one: one[0])
    least = min(found, key=lambda one: one[0])
    panels = [_plain(most[2], capture), _heated(*most[2:], capture, "most", Role.LOOKED_AT)]
    others = ""
    if least[2] is not most[2]:
        panels.append(_heated(*least[2:], capture, "least", Role.REFERENCE))
        others = f"; frame {least[2].index} the least, {100 * least[0]:.0f} %"
    around = "" if most[1] is None else f" and {100 * most[1]:.0f} % around it"
    sentence = (
        f"Frame {most[2].index} shows the most: {100 * most[0]:.0f} % on average within the face"
        f"{around}{others}. The face is outlined; "
        "what surrounds it is the reference. The risk reads several frames, not one picture."
    )
    return Picture(cell_heat.NAME, sentence, tuple(panels))


def _plain(view: View, capture: Capture) -> Shot:
    return Shot(view.index, view_box(view, capture), f"frame {view.index}: as recorded")


def _heated(
    view: View, heat: FloatArray, corners: FloatArray, capture: Capture, name: str, role: Role
) -> Shot:
    image = kept_image(capture, view.index)
    left, top, right, bottom = np.rint(to_frame(view, capture, corners)).astype(int).ravel()
    oval = landmark_outline(capture, view.index, mesh.OVAL, Role.LOOKED_AT, image=image)
    return Shot(
        view.index,
        view_box(view, capture),
        f"frame {view.index}: {name} heat",
        (oval,),
        role=role,
        heat=heat,
        heat_box=Box(int(left), int(top), int(right), int(bottom)),
    )


def networks_crops(capture: Capture, source: RiskSource) -> Picture | None:
    """The two crops that the published presentation networks see."""
    # They bring torch: only when it is drawn.
    from layers.vision.minifasnet import room
    from layers.vision.minifasnet_network import DESIGNS

    frames = {row for one in source.measurements for row in one.frames}
    views = views_of(capture, sorted(frames))
    if not views:
        return None
    view = views[len(views) // 2]
    image = kept_image(capture, view.index)
    points = capture.track.landmarks[view.index, :, :2]
    fits = room(image, points)
    low, high = points.min(axis=0), points.max(axis=0)
    centre, size = (low + high) / 2, np.array([image.shape[1], image.shape[0]], float)

    def crop(scale: float, role: Role) -> Outline:
        extent = (high - low) * min(scale, fits)
        corner = np.clip(centre - extent / 2, 0, np.maximum(size - 1 - extent, 0))
        right, bottom = corner + extent
        square = [corner, (right, corner[1]), (right, bottom), (corner[0], bottom)]
        return Outline(within(np.array(square, np.float32), image), role)

    narrow, wide = sorted(design.box_scale for design in DESIGNS)
    outlines = (crop(wide, Role.REFERENCE), crop(narrow, Role.LOOKED_AT))
    whole = Box(0, 0, image.shape[1], image.shape[0])
    panels = (
        Shot(view.index, whole, f"frame {view.index}: both crops", outlines),
        *(
            Shot(
                view.index,
                box_around(outline.points, image, 0.0),
                f"{min(scale, fits):.1f} times the face",
                role=outline.role,
            )
            for scale, outline in ((narrow, outlines[1]), (wide, outlines[0]))
        ),
    )
    sentence = (
        f"Frame {view.index}: the two networks see the face at {narrow:g} and {wide:g} times its "
        "box, where the frame has that room, shrunk to 80 pixels. They look for paper, screens "
        "and their edges; they say which frame, not which part of it."
    )
    return Picture(source.name, sentence, panels)
