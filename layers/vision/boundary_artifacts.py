"""BOUNDARY_ARTIFACTS: a seam that runs along the face contour.

Definition: the face is unrolled into a strip of 96 rays by radial offset u, where u = 0 is the
face oval and u = -0.1 lies a tenth of the radius inside it. On every ray and at every u the step
is the difference of Lab colour and log detail just outside and just inside u, less the mean of the
steps a twentieth of the radius away on either side: shading and curvature go, an edge stays. Steps
are divided by their usual size in the same strip (median over rays and offsets). The seam is the
length of the median over all rays, chroma before lightness and detail; its strength is the
largest within u = -0.30 … -0.01, median over the frames. A blended mask steps by one colour at one
offset all around; features, hair and shadow step at many offsets, by many colours.

Source: Face X-ray (Li et al., CVPR 2020, arXiv 1912.13458): what all swaps share is a blending
boundary, visible as a discontinuity of noise and colour statistics.

Limits: feathered masks of good swaps spread the step over a tenth of the face, where it is taken
for shading; strong compression halves the resolution of chroma; a mask that does not follow the
contour (brows down) is seen only where it does.
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
HALF = 2  # offsets on either side that a step is taken over: 0.02 radii
ASIDE = 5  # offsets to the steps that are taken for shading: 0.05 radii
CENTRES = OFFSETS[HALF : len(OFFSETS) - HALF + 1] - (OFFSETS[1] - OFFSETS[0]) / 2
INSIDE = (-0.30, -0.01)
# Lightness and detail step with hair and shadow, too: chroma leads.
WEIGHTS = np.array([0.3, 1.0, 1.0, 0.3])
# Below these a step is quantisation: Lab units, log2 of detail.
FLOORS = np.array([1.2, 0.5, 0.5, 0.25])
MAD_TO_DEVIATION = 1.4826


def measure(scene: Scene, policy: Policy) -> Reading:
    """Look for a step at one offset all around the face in every view."""
    readings = [seam(view) for view in scene.views]
    peak = middle(r[0] for r in readings)
    where = middle(r[1] for r in readings)
    frames = tuple(view.index for view in scene.views)
    reason = "" if peak is not None else "no frame shows the whole face contour"
    return judge(
        SignalCode.BOUNDARY_ARTIFACTS,
        Strength("seam_spreads", peak, frames if peak is not None else (), reason),
        policy,
        region="face contour, 1-30 % inside the oval, against parallel offsets",
        extra=(Measurement("seam_offset_radii", where),),
        features=features(scene, peak),
    )


def seam(view: View) -> tuple[float, float]:
    """Strength of the strongest step inside the oval, and its offset."""
    steps = coherent_steps(unroll(view))
    inside = (INSIDE[0] <= CENTRES) & (INSIDE[1] >= CENTRES)
    within = steps[inside]
    best = int(np.argmax(within))
    return float(within[best]), float(CENTRES[inside][best])


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
    """Length of the median step over all rays per offset, in usual steps of the strip."""
    total = np.cumsum(np.pad(strip, ((0, 0), (1, 0), (0, 0))), axis=1, dtype=np.float64)
    means = (total[:, HALF:] - total[:, :-HALF]) / HALF
    steps = means[:, HALF:] - means[:, :-HALF]
    steps -= (np.roll(steps, ASIDE, axis=1) + np.roll(steps, -ASIDE, axis=1)) / 2
    inside = (INSIDE[0] <= CENTRES) & (INSIDE[1] >= CENTRES)
    usual = MAD_TO_DEVIATION * np.median(np.abs(steps[:, inside]), axis=(0, 1)) + FLOORS
    length: FloatArray = np.linalg.norm(np.median(steps / usual, axis=0) * WEIGHTS, axis=-1)
    return length


def features(scene: Scene, peak: float | None) -> dict[str, float | None]:
    """Profile of detail and colour from the middle of the face outwards, relative to the middle."""
    result: dict[str, float | None] = {"seam_strength": peak}
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
