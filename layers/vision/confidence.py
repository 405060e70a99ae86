"""How much the vision risk can be trusted: falls with blur, darkness, small, few or turned faces.

Each condition gives a factor between its floor and 1; the confidence is their product. A room or
a camera lowers the confidence, never raises the risk.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from layers.capture.types import Capture
from layers.vision.reading import detail_energy, middle
from layers.vision.scene import Scene, View
from verdict.policy import Policy

# One sharp frontal frame still hides everything that moves: the factors for a few frames.
FRAMES = (1, 2, 3, 6, 12)
FRAME_FACTORS = (0.60, 0.70, 0.80, 0.95, 1.0)
CONDITIONS = ("sharpness", "face_width", "light", "glare", "pose", "found")


def conditions(scene: Scene) -> dict[str, float | None]:
    """What lowers the confidence, measured.

    Returns
    -------
    sharpness: log2 detail of the eyes in the two finest octaves, in Lab lightness.
    face_width: median face width in frame pixels.
    light: median lightness of the skin, 0-100.
    glare: share of skin pixels at the upper end of the range.
    pose: share of the views turned by less than 35 degrees.
    found: share of all frames in which a face was tracked.
    """
    views = scene.views
    if not views:
        return dict.fromkeys(CONDITIONS)
    track = scene.capture.track
    yaw = np.array([track.yaw_deg[view.index] for view in views])
    return {
        "sharpness": middle(_eye_detail(view) for view in views),
        "face_width": middle(view.width / view.scale for view in views),
        "light": middle(_skin_quantile(view, 50) for view in views),
        "glare": middle(_glare(view) for view in views),
        "pose": float(np.mean(np.abs(np.nan_to_num(yaw, nan=90.0)) < 35.0)),
        "found": found_share(scene.capture),
    }


def found_share(capture: Capture) -> float:
    """Share of all frames with a face."""
    return float(capture.track.found.mean()) if len(capture.track) else 0.0


def confidence(scene: Scene, measured: Mapping[str, float | None], policy: Policy) -> float:
    """Product of the factors; 0 without a face."""
    if not scene.views:
        return 0.0
    product = policy.number("vision.confidence.ceiling")
    product *= float(np.interp(len(scene.views), FRAMES, FRAME_FACTORS))
    for name in CONDITIONS:
        value = measured[name]
        area = f"vision.confidence.{name}"
        low, high = policy.number(f"{area}_low"), policy.number(f"{area}_high")
        floor = policy.number(f"{area}_floor")
        share = 0.0 if value is None else float(np.clip((value - low) / (high - low), 0.0, 1.0))
        product *= floor + (1.0 - floor) * share
    return product


def _eye_detail(view: View) -> float | None:
    energies = [detail_energy(view.bands[k], view.regions.eyes) for k in (0, 1)]
    known = [energy for energy in energies if energy is not None]
    return float(np.log2(sum(known) + 0.05)) if known else None


def _skin_quantile(view: View, percentile: float) -> float | None:
    skin = view.lab[..., 0][view.regions.skin]
    return float(np.percentile(skin, percentile)) if len(skin) else None


def _glare(view: View) -> float | None:
    skin = view.lab[..., 0][view.regions.skin]
    return float((skin > 97.0).mean()) if len(skin) else None
