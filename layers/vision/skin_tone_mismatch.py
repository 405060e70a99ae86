"""SKIN_TONE_MISMATCH: face and neck are lit by light of different colour temperature.

Definition: for cheeks and chin and for the neck, the medians of linear R, G and B. The step from
neck to face in log2(B/G), less its usual value and less what the difference in lightness alone
brings (a shaded neck is redder and less blue), times 117 mired per octave, is the shift of
reciprocal colour temperature under which the face seems to be lit. The signal is the size of
that shift over one plus the colour spread that forehead, cheeks and chin have among themselves
(octaves of R/G and B/G): where light or make-up already colours one face unevenly, a neck may
differ, too. Median over the frames whose neck is within one octave of the face's brightness.

Source: colour mismatch between a synthesised face and its surroundings is a first-generation cue
(Li et al., "Identification of deep network generated images using disparities in color
components", Signal Processing 2020; McCloskey and Albright 2018). B/G follows light along the
Planckian locus; R/G is left out, since blood moves it in everybody (dev: its best weight is a
twentieth of that of B/G).

Limits: make-up, coloured light from a screen on the face only, and scarves do the same. Swappers
transfer colour statistics, so a good swap shows little. A neck in shadow, or one that differs so
much that it no longer looks like skin, is not compared at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layers.capture.types import BoolArray, FloatArray
from layers.vision.reading import Reading, Strength, judge, middle
from layers.vision.scene import Scene, View
from verdict.evidence import SignalCode
from verdict.measurement import Measurement
from verdict.policy import Policy

MIN_PIXELS = 40
GAMMA = 2.2
# Added to linear channels: below it there is more noise than colour.
DARK = 0.004
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
# Along the Planckian locus around 6500 K, between 5000 and 9500 K.
MIRED_PER_OCTAVE = 117.0


@dataclass(frozen=True, slots=True)
class ColourStep:
    """From the neck to the lower face of one view.

    Parameters
    ----------
    blue
        Octaves of B/G.
    light
        Octaves of luminance.
    within
        Largest distance among the face's own parts, octaves of R/G and B/G.
    """

    blue: float
    light: float
    within: float


def measure(scene: Scene, policy: Policy) -> Reading:
    """Compare the colour of face and neck in every view."""
    usual = policy.number("vision.skin_tone_mismatch.usual_step")
    shade = policy.number("vision.skin_tone_mismatch.shade")
    most = policy.number("vision.skin_tone_mismatch.max_shade")
    steps = [(view.index, colour_step(view)) for view in scene.views]
    lit = [(k, step) for k, step in steps if step is not None and abs(step.light) <= most]
    shift = middle(MIRED_PER_OCTAVE * (s.blue - usual - shade * s.light) for _, s in lit)
    within = middle(step.within for _, step in lit)
    value = None if shift is None or within is None else abs(shift) / (1 + within)
    reason = "" if value is not None else "no frame shows enough of the neck, out of shadow"
    return judge(
        SignalCode.SKIN_TONE_MISMATCH,
        Strength("temperature_shift_mired", value, tuple(k for k, _ in lit), reason),
        policy,
        region="cheeks and chin against neck",
        extra=(
            Measurement("signed_shift_mired", shift, note="positive: the face is bluer"),
            Measurement("colour_within_face_octaves", within),
        ),
        features={**features(scene), "tone_shift_mired": value},
    )


def colour_step(view: View) -> ColourStep | None:
    """Colour of the lower face against the neck; None without enough of either."""
    regions = view.regions
    face, neck = _linear(view, regions.skin | regions.chin), _linear(view, regions.neck)
    if face is None or neck is None:
        return None
    parts = [p for p in (_linear(view, mask) for mask in _parts(view)) if p is not None]
    apart = (float(np.hypot(*(_ratios(a) - _ratios(b)))) for a in parts for b in parts)
    within = max(apart, default=0.0)
    light = float(np.log2((face @ LUMINANCE + DARK) / (neck @ LUMINANCE + DARK)))
    return ColourStep(float((_ratios(face) - _ratios(neck))[1]), light, within)


def _linear(view: View, mask: BoolArray | None) -> FloatArray | None:
    if mask is None or mask.sum() < MIN_PIXELS:
        return None
    # The median of a monotone function is the function of the median.
    result: FloatArray = (np.median(view.rgb[mask], axis=0) / 255.0) ** GAMMA
    return result


def _ratios(linear: FloatArray) -> FloatArray:
    red, green, blue = linear + DARK
    ratios: FloatArray = np.log2(np.array([red / green, blue / green]))
    return ratios


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


def features(scene: Scene) -> dict[str, float | None]:
    """Chroma and lightness spread of the skin against the neck."""
    differences = [chroma_difference(view) for view in scene.views]
    excess = middle(None if d is None else d[0] - d[1] for d in differences)
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
