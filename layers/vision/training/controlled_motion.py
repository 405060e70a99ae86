"""Controlled attacks on motion: lids, lips, the turn of the head and the steadiness of the face.

Every function takes a capture and a strength from 0 (the capture itself) to 1.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from layers.capture.collect import face_track
from layers.capture.geometry import eye_aspect_ratio, mouth_aspect_ratio
from layers.capture.tracker import FaceTracker
from layers.capture.types import Capture, FaceTrack, FloatArray, Image
from layers.vision import mesh
from layers.vision.blink_failure import relative_ear
from layers.vision.mouth_anomaly import mouth_opening

# What each artefact is at strength 1.
WOBBLE_WIDTHS = 0.02
TURN_DEG = 40.0
TURN_FRAMES = 9
TURN_RATE_HZ = 6.0
# Distance of the camera from the photograph, in widths of the picture: that of a selfie.
CAMERA_WIDTHS = 1.5
FIELD_CELLS = 5
LIDS = (
    ((33, 133), mesh.EYE_LEFT),
    ((362, 263), mesh.EYE_RIGHT),
)
# What opening the mouth moves: lips, chin and jaw.
LOWER_FACE = (*mesh.LIPS, *mesh.INNER_LIPS, 152, 148, 176, 149, 377, 400, 378, *mesh.CHIN_PATCH)


def half_closed_lids(capture: Capture, strength: float) -> Capture:
    """Keep the lids at least a share `strength` of their open distance apart, in every frame.

    Lid landmarks are moved; the pixels are not.
    """
    if strength <= 0 or relative_ear(capture.track) is None:
        return capture
    points = capture.track.landmarks.copy()
    wanted = strength * _open_ear(capture.track)
    closed = capture.track.ear < wanted
    for row, side in zip(*np.nonzero(closed), strict=True):
        corners, outline = LIDS[side]
        # The lids' points are not exactly above one another: a few steps reach the distance.
        for _ in range(4):
            own = float(eye_aspect_ratio(points[row : row + 1])[0, side])
            factor = float(wanted[side]) / max(own, 1e-2)
            points[row] = _with_lids(points[row], corners, outline, factor)
    return replace(capture, track=with_landmarks(capture.track, points))


def still_mouth(capture: Capture, strength: float) -> Capture:
    """Move lips and chin towards where they are when the mouth is closed, by a share `strength`."""
    track = capture.track
    if strength <= 0 or track.found.sum() < 2:
        return capture
    opening = mouth_opening(capture)
    closed = int(np.nanargmin(opening))
    points = track.landmarks.copy()
    stable, moved = list(mesh.STABLE), list(dict.fromkeys(LOWER_FACE))
    for row in np.flatnonzero(track.found):
        matrix, _ = cv2.estimateAffinePartial2D(
            track.landmarks[closed, stable, :2], track.landmarks[row, stable, :2], method=cv2.LMEDS
        )
        if matrix is not None:
            held = track.landmarks[closed, moved, :2] @ matrix[:, :2].T + matrix[:, 2]
            points[row, moved, :2] += strength * (held - points[row, moved, :2])
    return replace(capture, track=with_landmarks(track, points))


def wobbling_face(capture: Capture, strength: float) -> Capture:
    """Bend the face anew in every frame by a smooth random field; pixels and landmarks alike."""
    return _bent(capture, strength, np.random.default_rng(7), renew=True)


def switched_face(capture: Capture, strength: float) -> Capture:
    """Bend the face by one field from the middle of the recording on: another shape, no tremble."""
    return _bent(capture, strength, np.random.default_rng(8), renew=False)


def flat_photograph(capture: Capture, strength: float) -> Capture:
    """Show the most frontal picture as a photograph turned by up to 40 degrees, and track it anew.

    The photograph turns about the upright axis through the face, one way and back to the front.
    Strength 0 is the capture itself, not a photograph.
    """
    rows = [k for k in capture.kept if np.isfinite(capture.track.yaw_deg[k])]
    if strength <= 0 or not rows or not capture.images:
        return capture
    front = min(rows, key=lambda k: abs(float(capture.track.yaw_deg[k])))
    image = capture.image_at(front)
    if image is None:
        return capture
    middle = capture.track.landmarks[front, list(mesh.OVAL), :2].mean(axis=0)
    angles = strength * TURN_DEG * np.sin(np.linspace(0, np.pi, TURN_FRAMES))
    images = tuple(turned_plane(image, middle, float(angle)) for angle in angles)
    times = np.arange(TURN_FRAMES) / TURN_RATE_HZ
    with FaceTracker(dense=True) as tracker:
        seen = [tracker.track(one, float(t)) for one, t in zip(images, times, strict=True)]
    track = face_track(times, seen, (None,) * TURN_FRAMES)
    return replace(
        capture, track=track, images=images, kept=tuple(range(TURN_FRAMES)), audio=None, findings=()
    )


def turned_plane(image: Image, middle: FloatArray, angle_deg: float) -> Image:
    """The picture as a plane turned about the upright axis through `middle`, in perspective."""
    height, width = image.shape[:2]
    distance = CAMERA_WIDTHS * width
    angle = np.deg2rad(angle_deg)
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    x, y = (corners - middle).T
    depth = distance + x * np.sin(angle)
    seen = np.stack([distance * x * np.cos(angle) / depth, distance * y / depth], axis=1) + middle
    matrix = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    turned = cv2.warpPerspective(
        image, matrix, (width, height), flags=cv2.INTER_AREA, borderValue=(96.0, 96.0, 96.0)
    )
    return np.asarray(turned, np.uint8)


def with_landmarks(track: FaceTrack, points: FloatArray) -> FaceTrack:
    """The track with other landmarks and the aspect ratios that follow from them."""
    return replace(
        track, landmarks=points, ear=eye_aspect_ratio(points), mar=mouth_aspect_ratio(points)
    )


def _open_ear(track: FaceTrack) -> FloatArray:
    known = track.ear[np.isfinite(track.ear).all(axis=1)]
    opened: FloatArray = np.percentile(known, 80.0, axis=0)
    return opened


def _with_lids(
    points: FloatArray, corners: tuple[int, int], outline: mesh.Points, factor: float
) -> FloatArray:
    # Stretch the outline across the line between the corners of the eye.
    moved = points.copy()
    start, end = points[list(corners), :2]
    along = (end - start) / max(float(np.linalg.norm(end - start)), 1e-3)
    across = np.array([-along[1], along[0]], np.float32)
    heights = (points[list(outline), :2] - start) @ across
    moved[list(outline), :2] += ((factor - 1) * heights)[:, None] * across
    return moved


def _bent(
    capture: Capture, strength: float, random: np.random.Generator, *, renew: bool
) -> Capture:
    if strength <= 0:
        return capture
    track = capture.track
    points = track.landmarks.copy()
    images = dict(zip(capture.kept, capture.images, strict=False))
    nodes = _field(random)
    for row in range(len(track)):
        nodes = _field(random) if renew else nodes
        if not track.found[row] or not (renew or row >= len(track) // 2):
            continue
        bend = Bend(track.landmarks[row, :, :2], strength * WOBBLE_WIDTHS, nodes)
        points[row, :, :2] += bend.at_landmarks()
        if row in images:
            images[row] = bend.of_image(images[row])
    kept = tuple(images[row] for row in capture.kept) if capture.images else ()
    return replace(capture, images=kept, track=with_landmarks(track, points))


def _field(random: np.random.Generator) -> FloatArray:
    field: FloatArray = random.normal(size=(FIELD_CELLS, FIELD_CELLS, 2)).astype(np.float32)
    return field


class Bend:
    """A smooth displacement of one face that fades out at its contour.

    Parameters
    ----------
    reach
        Deviation of the displacement in face widths.
    nodes
        (N, N, 2) displacements over the box of the face, in deviations.
    """

    def __init__(self, points: FloatArray, reach: float, nodes: FloatArray) -> None:
        width = float(mesh.face_width(points))
        self._points = points
        self._low = np.floor(points.min(axis=0)).astype(int)
        size = np.ceil(points.max(axis=0)).astype(int) - self._low + 1
        oval = mesh.hull_mask((int(size[1]), int(size[0])), points[list(mesh.OVAL)] - self._low)
        fade = np.asarray(
            cv2.GaussianBlur(oval.astype(np.float32), (0, 0), max(0.05 * width, 0.5)), np.float32
        )
        large = cv2.resize(nodes, (int(size[0]), int(size[1])), interpolation=cv2.INTER_CUBIC)
        self._field = np.asarray(large * (reach * width) * fade[..., None], np.float32)

    def at_landmarks(self) -> FloatArray:
        """(478, 2) displacement of the landmarks."""
        height, width = self._field.shape[:2]
        at = np.rint(self._points - self._low).astype(int)
        moved: FloatArray = self._field[
            np.clip(at[:, 1], 0, height - 1), np.clip(at[:, 0], 0, width - 1)
        ]
        return moved

    def of_image(self, image: Image) -> Image:
        """The picture bent by the same field."""
        height, width = image.shape[:2]
        field = np.zeros((height, width, 2), np.float32)
        low, size = self._low, self._field.shape[1::-1]
        x0, y0 = np.maximum(low, 0)
        x1, y1 = np.minimum(low + size, (width, height))
        if x1 <= x0 or y1 <= y0:
            return image
        field[y0:y1, x0:x1] = self._field[y0 - low[1] : y1 - low[1], x0 - low[0] : x1 - low[0]]
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        bent = cv2.remap(
            image,
            columns - field[..., 0],
            rows - field[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(bent, np.uint8)
