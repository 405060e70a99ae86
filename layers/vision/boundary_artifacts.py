"""BOUNDARY_ARTIFACTS: a seam that runs along the face contour.

Definition: the face is unrolled into a strip of 96 rays by radial offset u, where u = 0 is the
face oval and u = -0.1 lies a tenth of the radius inside it. For every u the coherent step s(u) is
the length of the vector, over all rays, of the median difference of Lab colour and log detail
just outside and just inside u. A blended mask steps at one offset all around; shading and
features step at many. The seam strength is the largest s(u) within u = -0.22 … -0.03 over the
median of s over the same range, in log2, median over the frames.

Source: Face X-ray (Li et al., CVPR 2020, arXiv 1912.13458): what all swaps share is a blending
boundary, visible as a discontinuity of noise and colour statistics.

Limits: glasses, fringes, beards and hard side light make natural steps; feathered masks of good
swaps spread the step over a tenth of the face; strong compression erases it.
"""

from __future__ import annotations

import cv2
import numpy as np

from layers.capture.types import FloatArray
from layers.vision import mesh
from layers.vision.reading import DETAIL_FLOOR, Reading, Strength, judge, middle
from layers.vision.scene import Scene, View
from verdict.evidence import SignalCode
from verdict.measurement import Measurement
from verdict.policy import Policy

N_RAYS = 96
OFFSETS = np.linspace(-0.40, 0.20, 61)
HALF = 4  # offsets on either side that a step is taken over: 0.04 radii
CENTRES = OFFSETS[HALF : len(OFFSETS) - HALF + 1] - (OFFSETS[1] - OFFSETS[0]) / 2
INSIDE = (-0.22, -0.03)
# One step of lightness counts as much as half a step of chroma and a tenth of an octave of detail.
WEIGHTS = np.array([0.5, 1.0, 1.0, 5.0])


def measure(scene: Scene, policy: Policy) -> Reading:
    """Look for a step at one offset all around the face in every view."""
    readings = [seam(view) for view in scene.views]
    peak = middle(r[0] for r in readings)
    where = middle(r[1] for r in readings)
    frames = tuple(view.index for view in scene.views)
    reason = "" if peak is not None else "no frame shows the whole face contour"
    return judge(
        SignalCode.BOUNDARY_ARTIFACTS,
        Strength("seam_log2", peak, frames if peak is not None else (), reason),
        policy,
        region="face contour, 3-22 % inside the oval, against parallel offsets",
        extra=(Measurement("seam_offset_radii", where),),
        features=features(scene, peak),
    )


def seam(view: View) -> tuple[float, float]:
    """Strength of the strongest step inside the oval, and its offset."""
    steps = coherent_steps(unroll(view))
    inside = (INSIDE[0] <= CENTRES) & (INSIDE[1] >= CENTRES)
    within = steps[inside]
    best = int(np.argmax(within))
    peak = np.log2((within[best] + 0.2) / (np.median(within) + 0.2))
    return float(peak), float(CENTRES[inside][best])


def unroll(view: View) -> FloatArray:
    """(rays, offsets, 4) Lab and log2 detail along rays through the face contour."""
    contour = view.points[list(mesh.OVAL)]
    centre = contour.mean(axis=0)
    ring = np.vstack([contour, contour[:1]])
    lengths = np.r_[0, np.cumsum(np.linalg.norm(np.diff(ring, axis=0), axis=1))]
    at = np.linspace(0, lengths[-1], N_RAYS, endpoint=False)
    edge = np.stack([np.interp(at, lengths, ring[:, k]) for k in (0, 1)], axis=1)
    rays = centre + (edge - centre)[:, None, :] * (1.0 + OFFSETS[None, :, None])
    grid = rays.astype(np.float32)
    detail = np.log2(cv2.GaussianBlur(np.abs(view.bands[0]), (0, 0), 2.0) + DETAIL_FLOOR)
    stack = np.dstack([view.lab, detail.astype(np.float32)])
    strip = cv2.remap(
        stack, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(strip, np.float32)


def coherent_steps(strip: FloatArray) -> FloatArray:
    """Length of the weighted median step over all rays, per offset."""
    total = np.cumsum(np.pad(strip, ((0, 0), (1, 0), (0, 0))), axis=1)
    means = (total[:, HALF:] - total[:, :-HALF]) / HALF
    difference = means[:, HALF:] - means[:, :-HALF]
    step = np.median(difference, axis=0) * WEIGHTS
    length: FloatArray = np.linalg.norm(step, axis=-1)
    return length


def features(scene: Scene, peak: float | None) -> dict[str, float | None]:
    """Profile of detail and colour from the middle of the face outwards, relative to the middle."""
    result: dict[str, float | None] = {"seam_peak": peak}
    strips = [unroll(view) for view in scene.views]
    rings = {"rim": (-0.10, -0.02), "out": (0.03, 0.12)}
    core = (OFFSETS >= -0.35) & (OFFSETS <= -0.22)
    for name, (low, high) in rings.items():
        band = (low <= OFFSETS) & (high >= OFFSETS)
        steps = [
            np.median(strip[:, band].mean(axis=1) - strip[:, core].mean(axis=1), axis=0)
            for strip in strips
        ]
        result[f"seam_detail_{name}"] = middle(float(step[3]) for step in steps)
        result[f"seam_chroma_{name}"] = middle(float(np.linalg.norm(step[1:3])) for step in steps)
    return result
