"""TEETH_RENDERING: teeth are one blurred white mass instead of separate teeth.

Definition: in frames with an open mouth, teeth are the bright, colourless pixels inside the inner
lips. The deficit is log2 of the horizontal detail (gaps between teeth run upwards, so they show in
horizontal differences) of the eyes, over that of the teeth, in the two finest octaves; the eyes
are the sharp reference of the same frame. Median over the frames in which teeth show.

Source: missing tooth geometry, teeth as a single white blob, in Matern, Riess and Stamminger,
"Exploiting Visual Artifacts to Expose Deepfakes and Face Manipulations", WACVW 2019 (section 4.3).

Limits: needs some 40 pixels of teeth; lips that cover the teeth, motion blur while speaking,
braces and strong compression all change it. Small faces are rarely measurable.
"""

from __future__ import annotations

import numpy as np

from layers.capture.types import BoolArray
from layers.vision.reading import (
    DETAIL_FLOOR,
    Reading,
    Strength,
    judge,
    log2_ratio,
    middle,
)
from layers.vision.scene import Scene, View
from verdict.evidence import SignalCode
from verdict.measurement import Measurement
from verdict.policy import Policy

MIN_TEETH_PX = 40
MIN_OPENING = 0.04  # of the face width, between the inner lips
LIGHTER_THAN_LIPS = 4.0  # Lab lightness
LESS_CHROMA_THAN_LIPS = 0.75


def measure(scene: Scene, policy: Policy) -> Reading:
    """Compare teeth with eyes in every view that shows teeth."""
    shown = [(view, teeth(view)) for view in (*scene.views, *scene.smiles)]
    found = [(view, mask) for view, mask in shown if mask is not None]
    deficits = [eye_lead(view, mask) for view, mask in found]
    value = middle(deficits)
    frames = tuple(view.index for view, _ in found)
    reason = "" if value is not None else "no frame shows enough of the teeth"
    return judge(
        SignalCode.TEETH_RENDERING,
        Strength("teeth_detail_deficit_octaves", value, frames, reason),
        policy,
        region="teeth between the inner lips, against the eyes",
        extra=(Measurement("frames_with_teeth", float(len(found))),),
        features={
            "teeth_deficit": value,
            "teeth_contrast": middle(contrast(view, mask) for view, mask in found),
        },
    )


def teeth(view: View) -> BoolArray | None:
    """Mask of the bright, colourless pixels between the inner lips; None when too few."""
    upper, lower = view.points[13], view.points[14]
    if float(np.linalg.norm(upper - lower)) < MIN_OPENING * view.width:
        return None
    inner = view.regions.inner_mouth
    lips = view.regions.mouth & ~inner
    if inner.sum() < MIN_TEETH_PX or lips.sum() < MIN_TEETH_PX:
        return None
    chroma = np.linalg.norm(view.lab[..., 1:], axis=-1)
    light = view.lab[..., 0]
    mask: BoolArray = inner & (light > np.median(light[lips]) + LIGHTER_THAN_LIPS)
    mask &= chroma < LESS_CHROMA_THAN_LIPS * np.median(chroma[lips])
    return mask if mask.sum() >= MIN_TEETH_PX else None


def eye_lead(view: View, mask: BoolArray) -> float | None:
    """Octaves by which the detail along rows in the eyes exceeds that in the teeth."""
    leads = []
    for band in view.bands[:2]:
        along = np.abs(np.diff(band, axis=1, prepend=band[:, :1]))
        leads.append(log2_ratio(float(along[view.regions.eyes].mean()), float(along[mask].mean())))
    known = [lead for lead in leads if lead is not None and np.isfinite(lead)]
    return sum(known) / len(known) if known else None


def contrast(view: View, mask: BoolArray) -> float:
    """log2 of the lightness spread within the teeth."""
    return float(np.log2(view.lab[..., 0][mask].std() + DETAIL_FLOOR))
