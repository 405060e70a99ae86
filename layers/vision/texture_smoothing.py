"""TEXTURE_SMOOTHING: the face carries less fine detail than the neck and hairline beside it.

Definition: E(region, octave) is the trimmed mean of the absolute difference of Gaussians of the
lightness. The deficit is the mean over the two finest octaves of log2 E(neck) - log2 E(skin of
forehead and cheeks), median over the frames: 1 means the face has half the detail of the neck.
Without a visible neck the ring of hairline and ears is the reference, less its usual lead.

Source: blending and generation leave the face at another effective resolution than its
surroundings (Li and Lyu, "Exposing DeepFake Videos By Detecting Face Warping Artifacts", CVPRW
2019, arXiv 1811.00656); octaves after Burt and Adelson, 1983.

Limits: beauty filters and make-up do the same; a neck out of focus or in shadow hides it; an
encode that flattens everything leaves nothing to compare. Both regions come from one frame, so
that camera and encode cancel, but not light that falls on one of them only.
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

FINEST = (0, 1)


def measure(scene: Scene, policy: Policy) -> Reading:
    """Compare skin detail with neck and surround in every view."""
    views = scene.views
    neck = middle(deficit(view, view.regions.neck) for view in views)
    ring = middle(deficit(view, view.regions.surround) for view in views)
    lead = policy.number("vision.texture_smoothing.surround_lead")
    value = neck if neck is not None else None if ring is None else ring - lead
    frames = tuple(view.index for view in views)
    strength = Strength(
        "detail_deficit_octaves",
        value,
        frames,
        "" if value is not None else "no frame shows skin and neck or hairline large enough",
    )
    return judge(
        SignalCode.TEXTURE_SMOOTHING,
        strength,
        policy,
        region="forehead and cheeks against neck, hairline and ears",
        extra=(
            Measurement("detail_below_neck_octaves", neck),
            Measurement("detail_below_surround_octaves", ring),
        ),
        features=features(scene),
    )


def deficit(view: View, reference: BoolArray | None) -> float | None:
    """Octaves by which the skin's detail lies below the reference's, mean of the finest two."""
    if reference is None:
        return None
    ratios = [octave_ratio(view, reference, view.regions.skin, k) for k in FINEST]
    known = [ratio for ratio in ratios if ratio is not None]
    return sum(known) / len(known) if len(known) == len(FINEST) else None


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
