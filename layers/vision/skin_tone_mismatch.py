"""SKIN_TONE_MISMATCH: face and neck have another chroma under the same light.

Definition: distance in the CIE Lab a-b plane between the median of the lower face skin (cheeks
and chin) and the median of the neck, less the distance that the face's own parts (forehead,
cheeks, chin) have among themselves; median over the frames.

Source: colour mismatch between a synthesised face and its surroundings is a first-generation cue
(Li et al., "Identification of deep network generated images using disparities in color
components", Signal Processing 2020; McCloskey and Albright 2018); Lab after CIE 15.

Limits: make-up, a flushed or shaded neck, coloured light from a screen and scarves do the same.
Swappers transfer colour statistics, so a good swap shows little. A neck that differs so much that
it no longer looks like skin is not compared at all.
"""

from __future__ import annotations

import numpy as np

from layers.capture.types import BoolArray, FloatArray
from layers.vision.reading import Reading, Strength, judge, middle
from layers.vision.scene import Scene, View
from verdict.evidence import SignalCode
from verdict.measurement import Measurement
from verdict.policy import Policy

MIN_PIXELS = 40


def measure(scene: Scene, policy: Policy) -> Reading:
    """Compare the chroma of face and neck in every view."""
    differences = [chroma_difference(view) for view in scene.views]
    excess = middle(None if d is None else d[0] - d[1] for d in differences)
    frames = tuple(
        view.index for view, d in zip(scene.views, differences, strict=True) if d is not None
    )
    reason = "" if excess is not None else "no frame shows enough of the neck"
    return judge(
        SignalCode.SKIN_TONE_MISMATCH,
        Strength("chroma_excess_lab", excess, frames, reason),
        policy,
        region="cheeks and chin against neck",
        extra=(
            Measurement(
                "chroma_difference_lab", middle(d[0] for d in differences if d is not None)
            ),
            Measurement("chroma_within_face_lab", middle(d[1] for d in differences if d)),
        ),
        features=features(scene, excess),
    )


def chroma_difference(view: View) -> tuple[float, float] | None:
    """Distance face to neck, and the largest distance among the face's own parts."""
    regions = view.regions
    if regions.neck is None:
        return None
    chroma = view.lab[..., 1:]
    neck = _median(chroma, regions.neck)
    face = _median(chroma, regions.skin | regions.chin)
    if neck is None or face is None:
        return None
    parts = [part for part in (_median(chroma, m) for m in _parts(view)) if part is not None]
    within = max(
        (float(np.linalg.norm(a - b)) for a in parts for b in parts),
        default=0.0,
    )
    return float(np.linalg.norm(face - neck)), within


def _parts(view: View) -> tuple[BoolArray, ...]:
    rows = np.arange(view.lab.shape[0])[:, None]
    brow_row = view.points[[105, 334], 1].mean()
    skin = view.regions.skin
    return skin & (rows < brow_row), skin & (rows >= brow_row), view.regions.chin


def _median(values: FloatArray, mask: BoolArray) -> FloatArray | None:
    if mask.sum() < MIN_PIXELS:
        return None
    result: FloatArray = np.median(values[mask], axis=0)
    return result


def features(scene: Scene, excess: float | None) -> dict[str, float | None]:
    """Chroma and lightness spread of the skin against neck and surround."""
    chroma, light, blood = [], [], []
    for view in scene.views:
        skin, neck = view.regions.skin, view.regions.neck
        if neck is None or skin.sum() < MIN_PIXELS:
            continue
        own, other = view.lab[skin], view.lab[neck]
        spread = np.log2((own.std(axis=0) + 0.3) / (other.std(axis=0) + 0.3))
        light.append(float(spread[0]))
        chroma.append(float(spread[1:].mean()))
        blood.append(float(np.median(own[:, 1]) - np.median(other[:, 1])))
    return {
        "tone_excess": excess,
        "tone_chroma_spread": middle(chroma),
        "tone_light_spread": middle(light),
        "tone_red_step": middle(blood),
    }
