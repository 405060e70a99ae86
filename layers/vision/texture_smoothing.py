"""TEXTURE_SMOOTHING: the face is less sharp than the neck, ears and hairline beside it.

Definition: E(region, octave) is the trimmed mean of the absolute difference of Gaussians of the
lightness. Sharpness of a region is log2 E(finest octave) - 1/2 log2 E(third octave): how far its
spectrum reaches up, whatever its contrast. The deficit is the sharpness of the surroundings less
that of the face, median over the frames. Surroundings: the ring of hairline and ears, averaged
with the neck, plus its usual lag, where one is seen. Face: the eyes with lids and lashes, four
fifths, and the skin of forehead and cheeks, one fifth.

Source: blending and generation leave the face at another effective resolution than its
surroundings (Li and Lyu, "Exposing DeepFake Videos By Detecting Face Warping Artifacts", CVPRW
2019, arXiv 1811.00656); octaves after Burt and Adelson, 1983. Skin alone says little: after an
encode a smooth cheek and a smoothed one are alike, and make-up smooths skin but not lashes.

Limits: a filter that smooths skin and spares the eyes is mostly missed; a shallow depth of field
on the hair hides smoothing, a face out of focus before sharp hair reads as it. Both sides come
from one frame, so that camera, encode and light cancel as far as they are even.
"""

from __future__ import annotations

from layers.capture.types import BoolArray
from layers.vision.reading import (
    Reading,
    Strength,
    detail_energy,
    judge,
    log2_ratio,
    middle,
)
from layers.vision.scene import Scene, View
from verdict.evidence import SignalCode
from verdict.measurement import Measurement
from verdict.policy import Policy

FINEST, COARSE = 0, 2
COARSE_SHARE = 0.5
EYES_SHARE = 0.8


def measure(scene: Scene, policy: Policy) -> Reading:
    """Compare the sharpness of face and surroundings in every view."""
    lead = policy.number("vision.texture_smoothing.surround_lead")
    value = middle(deficit(view, lead) for view in scene.views)
    frames = tuple(view.index for view in scene.views)
    strength = Strength(
        "sharpness_deficit_octaves",
        value,
        frames,
        "" if value is not None else "no frame shows eyes, skin and hairline large enough",
    )
    neck = middle(ratio(view, view.regions.neck, view.regions.skin) for view in scene.views)
    ring = middle(ratio(view, view.regions.surround, view.regions.skin) for view in scene.views)
    return judge(
        SignalCode.TEXTURE_SMOOTHING,
        strength,
        policy,
        region="eyes, forehead and cheeks against neck, hairline and ears",
        extra=(
            Measurement("sharpness_below_neck_octaves", neck, note="skin alone"),
            Measurement("sharpness_below_surround_octaves", ring, note="skin alone"),
        ),
        features={**features(scene), "sharpness_deficit": value},
    )


def deficit(view: View, lead: float) -> float | None:
    """Octaves by which the face's sharpness lies below that of its surroundings.

    Parameters
    ----------
    lead
        By how much the sharpness of hairline and ears usually exceeds that of the neck.
    """
    regions = view.regions
    ring, eyes = sharpness(view, regions.surround), sharpness(view, regions.eyes)
    skin, neck = sharpness(view, regions.skin), sharpness(view, regions.neck)
    if ring is None or eyes is None or skin is None:
        return None
    reference = ring if neck is None else (ring + neck + lead) / 2
    return reference - EYES_SHARE * eyes - (1 - EYES_SHARE) * skin


def ratio(view: View, over: BoolArray | None, under: BoolArray) -> float | None:
    """Octaves by which the sharpness of `over` exceeds that of `under`."""
    above, below = sharpness(view, over), sharpness(view, under)
    return None if above is None or below is None else above - below


def sharpness(view: View, mask: BoolArray | None) -> float | None:
    """How far the spectrum of a region reaches up, in octaves of energy."""
    if mask is None:
        return None
    fine, coarse = (detail_energy(view.bands[k], mask) for k in (FINEST, COARSE))
    if fine is None or coarse is None:
        return None
    # Against 1, log2_ratio is the logarithm with the common floor.
    above, below = log2_ratio(fine, 1.0), log2_ratio(coarse, 1.0)
    return None if above is None or below is None else above - COARSE_SHARE * below


def octave_ratio(view: View, over: BoolArray | None, under: BoolArray, k: int) -> float | None:
    """log2 of the detail of `over` to that of `under` in octave `k`."""
    if over is None:
        return None
    band = view.bands[k]
    return log2_ratio(detail_energy(band, over), detail_energy(band, under))


def features(scene: Scene) -> dict[str, float | None]:
    """Relative detail per octave, and the slope of the skin's spectrum against the neck's."""
    result: dict[str, float | None] = {}
    for k in range(3):
        for name in ("neck", "surround", "chin", "eyes"):
            result[f"texture_{name}_{k}"] = middle(
                octave_ratio(view, getattr(view.regions, name), view.regions.skin, k)
                for view in scene.views
            )
    for name in ("neck", "surround"):
        fine, coarse = result[f"texture_{name}_0"], result[f"texture_{name}_2"]
        slope = None if fine is None or coarse is None else fine - coarse
        result[f"texture_{name}_slope"] = slope
    return result
