"""Masks of skin, neck, surround and features inside one face crop, drawn from landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from layers.capture.types import BoolArray, FloatArray
from layers.vision import mesh

# Shadow, collar and scarf are not neck: only what is within this chroma distance (Lab a, b) of the
# face's median and not much darker is compared. Wide on purpose, and wider in b: a colour
# temperature shifted by 100 mired must stay inside.
NECK_CHROMA_GATE = (24.0, 36.0)
NECK_LIGHTNESS_SHARE = 0.45
MIN_NECK_SHARE = 0.2
MIN_PIXELS = 60


@dataclass(frozen=True, slots=True)
class Regions:
    """(H, W) masks over one crop.

    Parameters
    ----------
    skin
        Forehead and both cheeks without brows, eyes and lips.
    neck
        Skin-like pixels below the chin; None when there are too few to compare with.
    surround
        A ring just outside the oval above the jaw: hairline, ears, hair.
    """

    oval: BoolArray
    skin: BoolArray
    chin: BoolArray
    eyes: BoolArray
    mouth: BoolArray
    inner_mouth: BoolArray
    surround: BoolArray
    neck: BoolArray | None


def draw_regions(lab: FloatArray, points: FloatArray) -> Regions:
    """Draw all masks.

    Parameters
    ----------
    lab
        (H, W, 3) CIE Lab in float.
    points
        (478, 2) landmarks in pixels of the crop.
    """
    shape = lab.shape[:2]
    width = float(mesh.face_width(points))
    eyes = _fill(shape, points, mesh.EYE_LEFT, mesh.EYE_RIGHT)
    brows = _fill(shape, points, mesh.BROW_LEFT, mesh.BROW_RIGHT)
    mouth = _fill(shape, points, mesh.LIPS)
    detail = _grown(eyes | brows | mouth, 0.03 * width)
    skin = _fill(shape, points, mesh.FOREHEAD, mesh.CHEEK_LEFT, mesh.CHEEK_RIGHT) & ~detail
    oval = _fill(shape, points, mesh.OVAL)
    return Regions(
        oval=oval,
        skin=skin,
        chin=_fill(shape, points, mesh.CHIN_PATCH) & ~detail,
        eyes=_grown(eyes, 0.02 * width),
        mouth=mouth,
        inner_mouth=_fill(shape, points, mesh.INNER_LIPS),
        surround=_surround(oval, points, width),
        neck=_neck(lab, points, skin, oval),
    )


def _fill(shape: tuple[int, ...], points: FloatArray, *outlines: mesh.Points) -> BoolArray:
    mask = np.zeros(shape[:2], bool)
    for outline in outlines:
        mask |= mesh.hull_mask(shape, points[list(outline)])
    return mask


def _grown(mask: BoolArray, radius: float) -> BoolArray:
    grown: BoolArray = _distance(mask) <= max(1.0, radius)
    return grown


def _distance(mask: BoolArray) -> FloatArray:
    # A distance map costs the same for every radius; dilating by a large disc does not.
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3), np.float32)


def _surround(oval: BoolArray, points: FloatArray, width: float) -> BoolArray:
    distance = _distance(oval)
    ring = (distance <= 0.16 * width) & (distance > 0.03 * width)
    down = points[mesh.CHIN] - points[mesh.TOP]
    rows, columns = np.ogrid[0 : oval.shape[0], 0 : oval.shape[1]]
    middle = (points[mesh.SIDE_LEFT] + points[mesh.SIDE_RIGHT]) / 2
    along = (columns - middle[0]) * down[0] + (rows - middle[1]) * down[1]
    above_jaw: BoolArray = ring & (along < 0.25 * float(down @ down))
    return above_jaw


def _neck(
    lab: FloatArray, points: FloatArray, skin: BoolArray, oval: BoolArray
) -> BoolArray | None:
    axis = points[mesh.CHIN] - points[mesh.TOP]
    jaw = (points[mesh.JAW_LEFT] + points[mesh.JAW_RIGHT]) / 2
    half = 0.36 * (points[mesh.JAW_RIGHT] - points[mesh.JAW_LEFT])
    start = 0.6 * jaw + 0.4 * points[mesh.CHIN]
    start = start + axis * (float((points[mesh.CHIN] - start) @ axis) / float(axis @ axis) + 0.05)
    corners = np.stack(
        [start - half, start + half, start + half + 0.27 * axis, start - half + 0.27 * axis]
    )
    candidates = mesh.hull_mask(oval.shape, corners) & ~oval
    if candidates.sum() < MIN_PIXELS or skin.sum() < MIN_PIXELS:
        return None
    face = np.median(lab[skin], axis=0)
    pixels = lab[candidates]
    alike = np.linalg.norm((pixels[:, 1:] - face[1:]) / NECK_CHROMA_GATE, axis=-1) < 1.0
    near = np.zeros(oval.shape, bool)
    near[candidates] = alike & (pixels[:, 0] > NECK_LIGHTNESS_SHARE * face[0])
    near = cv2.erode(near.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    enough = near.sum() >= max(MIN_PIXELS, MIN_NECK_SHARE * candidates.sum())
    return near if enough else None
