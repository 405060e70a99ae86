"""Planar motion: the face and what surrounds it move as one flat picture.

Definition: corners on the face and in a frame around it are followed from each of up to seven
frames to the next (Lucas-Kanade, there and back); a homography is fitted to the surround alone
(RANSAC). It runs all around the face, so what it says of the face is interpolation. The value is
log2 of how far the face moved (5 % of its width at most: a camera that shakes more does not make a
person stiller) over how far its corners (75th percentile) lie from where the surround's plane puts
them; of all pairs in which the face moved, the lowest quarter. A head in front of a room, or a face
that speaks and blinks, is near 0; a held print is at 3 and more.

Source: motion correlation of face and background: Anjos and Marcel, "Counter-measures to photo
attacks in face recognition", IJCB 2011; De Marsico et al., ICB 2012 (planar homography); Shi and
Tomasi, CVPR 1994; Bouguet's pyramidal Lucas-Kanade.

Limits: nothing is measured when nothing moves (a print on a stand) or the surround has no
corners. A replayed video moves by itself: its face leaves the plane. A person who keeps a rigid
face before a far background while the camera shakes comes near; the steps of a session move it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from layers.capture.types import BoolArray, Capture, FloatArray, Image
from layers.vision import mesh
from layers.vision.presentation.cue import Cue, spread_rows

NAME = "planar_motion"
MAX_FRAMES = 7
MIN_PAIRS = 3
WIDTH_PX = 110.0
MIN_FACE_PX = 60.0
AROUND = 0.45  # face widths
MOVED = 0.015  # face widths: below, the following of corners is as inexact as that
MOST = 0.05
MIN_CORNERS = (10, 12)
CORNERS = (50, 70)
RETURN_PX, PLANE_PX = 1.0, 1.5
LEAST = 5e-4  # face widths, so that an exact plane stays finite
FLOW_WINDOW_PX, FLOW_LEVELS = (13, 13), 2


def measure(capture: Capture) -> Cue:
    """How well the surround's plane foretells the face."""
    rows = spread_rows(capture, MAX_FRAMES)
    if len(rows) <= MIN_PAIRS:
        return Cue(NAME, None, note="fewer than four kept frames with a face")
    landmarks = capture.track.landmarks[rows, :, :2]
    width = float(np.median(mesh.face_width(landmarks)))
    if not width >= MIN_FACE_PX:
        return Cue(NAME, None, note="face below 60 px")
    scale = min(1.0, WIDTH_PX / width)
    # One window for all frames, so that motion within it is motion in the picture.
    low = np.maximum(landmarks.min(axis=(0, 1)) - 1.5 * AROUND * width, 0).astype(int)
    high = (landmarks.max(axis=(0, 1)) + 1.5 * AROUND * width).astype(int)
    greys = [_grey(capture.image_at(row), low, high, scale) for row in rows]
    points = (landmarks - low) * np.float32(scale)
    ratios, used = [], []
    for k in range(len(rows) - 1):
        pair = departure(greys[k], greys[k + 1], points[k], points[k + 1])
        if pair is not None and pair[0] >= MOVED:
            ratios.append(math.log2(min(pair[0], MOST) / max(pair[1], LEAST)))
            used += [rows[k], rows[k + 1]]
    if len(ratios) < MIN_PAIRS:
        return Cue(NAME, None, note="too little motion, or too little to follow around the face")
    value = float(np.percentile(ratios, 25))
    return Cue(NAME, value, tuple(sorted(set(used))), "corners of the face against its surround")


def departure(
    one: Image, two: Image, at_one: FloatArray, at_two: FloatArray
) -> tuple[float, float] | None:
    """How far the face moved and how far it left the surround's plane, in face widths."""
    width = float(mesh.face_width(at_one))
    oval = mesh.hull_mask(one.shape, at_one[list(mesh.OVAL)])
    face = _corners(one, oval, CORNERS[0])
    around = _corners(one, _surround(oval, at_one, width), CORNERS[1])
    if len(face) < MIN_CORNERS[0] or len(around) < MIN_CORNERS[1]:
        return None
    start = np.vstack([face, around])
    guess = start + (at_two - at_one)[list(mesh.STABLE)].mean(axis=0)
    there, followed = _follow(one, two, start, guess.astype(np.float32))
    on_face = followed & (np.arange(len(start)) < len(face))
    on_plane = followed & ~on_face & (np.arange(len(start)) >= len(face))
    if on_face.sum() < MIN_CORNERS[0] or on_plane.sum() < MIN_CORNERS[1]:
        return None
    plane, _ = cv2.findHomography(start[on_plane], there[on_plane], cv2.RANSAC, PLANE_PX)
    if plane is None:
        return None
    foretold = cv2.perspectiveTransform(start[on_face][:, None], plane)[:, 0]
    left = np.linalg.norm(foretold - there[on_face], axis=1)
    moved = np.linalg.norm((there - start)[on_face], axis=1)
    return float(np.median(moved)) / width, float(np.percentile(left, 75)) / width


def _grey(image: Image | None, low: FloatArray, high: FloatArray, scale: float) -> Image:
    if image is None:  # rows were chosen among the kept ones
        msg = "planar motion was asked for a frame whose pixels were not kept"
        raise ValueError(msg)
    crop = image[low[1] : high[1], low[0] : high[0]]
    if scale < 1.0:
        small = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        crop = np.asarray(small, np.uint8)
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)


def _surround(oval: BoolArray, points: FloatArray, width: float) -> BoolArray:
    low = np.maximum(points.min(axis=0) - AROUND * width, 2).astype(int)
    limit = np.array(oval.shape[::-1]) - 2
    high = np.minimum(points.max(axis=0) + AROUND * width, limit).astype(int)
    box = np.zeros(oval.shape, bool)
    box[low[1] : high[1], low[0] : high[0]] = True
    grown = cv2.dilate(oval.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    return box & ~grown


def _corners(grey: Image, mask: BoolArray, most: int) -> FloatArray:
    found = cv2.goodFeaturesToTrack(grey, most, 0.01, 4, mask=mask.astype(np.uint8))
    return np.empty((0, 2), np.float32) if found is None else np.asarray(found[:, 0], np.float32)


def _follow(
    one: Image, two: Image, start: FloatArray, guess: FloatArray
) -> tuple[FloatArray, BoolArray]:
    there, seen = _flow(one, two, start, guess)
    back, seen_back = _flow(two, one, there, start)
    returned = np.linalg.norm(back - start, axis=1) < RETURN_PX
    return there, seen & seen_back & returned


def _flow(
    one: Image, two: Image, start: FloatArray, guess: FloatArray
) -> tuple[FloatArray, BoolArray]:
    there, seen, _ = cv2.calcOpticalFlowPyrLK(
        one,
        two,
        start,
        guess.copy(),  # it writes into this argument
        winSize=FLOW_WINDOW_PX,
        maxLevel=FLOW_LEVELS,
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
    )
    return np.asarray(there, np.float32), np.asarray(seen[:, 0] > 0)
