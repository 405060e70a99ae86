"""Captures made by code from the portrait that scikit-image ships."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator

from layers.capture.geometry import eye_aspect_ratio, mouth_aspect_ratio
from layers.capture.pose import head_pose
from layers.capture.tracker import FaceTracker
from layers.capture.types import (
    Audio,
    BoolArray,
    Capture,
    Challenge,
    FaceTrack,
    FloatArray,
    Image,
    MediaKind,
    Source,
    Step,
)
from layers.vision import mesh


@dataclass(frozen=True)
class Portrait:
    """A picture with its landmarks."""

    image: Image
    landmarks: FloatArray

    @property
    def points(self) -> FloatArray:
        """(478, 2) landmarks."""
        return self.landmarks[:, :2]

    def mask(self, outline: mesh.Points) -> BoolArray:
        """Convex hull of some landmarks."""
        return mesh.hull_mask(self.image.shape, self.points[list(outline)])


@cache
def astronaut() -> Portrait:
    """Head and shoulders of the portrait, enlarged so that the face is 180 px wide."""
    with resources.as_file(resources.files("skimage.data") / "astronaut.png") as path:
        whole = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    assert whole is not None
    crop = np.ascontiguousarray(whole[0:260, 100:350])
    image = cv2.resize(crop, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    # The enlarged picture is soft; grain stands for the sensor, alike everywhere.
    grain = np.random.default_rng(5).normal(0, 4, image.shape)
    image = np.clip(image + grain, 0, 255).astype(np.uint8)
    with FaceTracker(dense=False) as tracker:
        seen = tracker.track(image, 0.0)
    assert np.isfinite(seen.landmarks).all()
    return Portrait(_with_neck(image, seen.landmarks[:, :2]), seen.landmarks)


def _with_neck(image: Image, points: FloatArray) -> Image:
    """The collar hides the neck: paint one in the colour and grain of the cheek."""
    axis = points[mesh.CHIN] - points[mesh.TOP]
    sides = points[[mesh.JAW_LEFT, mesh.JAW_RIGHT]]
    below = mesh.hull_mask(image.shape, np.vstack([sides, sides + 0.7 * axis]))
    below &= ~mesh.hull_mask(image.shape, points[list(mesh.OVAL)])
    cheek = image[mesh.hull_mask(image.shape, points[list(mesh.CHEEK_LEFT)])]
    random = np.random.default_rng(6)
    grain = cv2.GaussianBlur(random.normal(0, 11, image.shape).astype(np.float32), (0, 0), 0.6)
    painted = np.median(cheek, axis=0) + grain
    return np.clip(np.where(below[..., None], painted, image), 0, 255).astype(np.uint8)


def capture_of(
    images: Sequence[Image],
    landmarks: Sequence[FloatArray],
    *,
    rate_hz: float = 25.0,
    steps: Sequence[Step | None] | None = None,
    audio: Audio | None = None,
) -> Capture:
    """A capture with these pictures (none for a track only) and landmarks."""
    n = len(landmarks)
    points = np.stack(list(landmarks)).astype(np.float32)
    yaw, pitch, roll = head_pose(points)
    track = FaceTrack(
        t_s=np.arange(n) / rate_hz,
        steps=tuple(steps) if steps is not None else (None,) * n,
        received_s=np.full(n, np.nan),
        n_faces=np.isfinite(points[:, 0, 0]).astype(np.int32),
        landmarks=points,
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        ear=eye_aspect_ratio(points),
        mar=mouth_aspect_ratio(points),
        thumbs=np.zeros((n, 48, 64), np.uint8),
        brightness=np.full(n, 128, np.float32),
        sharpness=np.full(n, 100, np.float32),
    )
    kept = tuple(range(len(images)))
    return Capture(Source(MediaKind.VIDEO), track, tuple(images), kept, audio, Challenge())


def still(portrait: Portrait, image: Image | None = None, n: int = 1) -> Capture:
    """The portrait (or an altered version of it) `n` times over."""
    picture = portrait.image if image is None else image
    return capture_of([picture] * n, [portrait.landmarks] * n)


def mixed(first: Image, second: Image, share: FloatArray) -> Image:
    """`second` where `share` is 1, `first` where it is 0."""
    weight = share[..., None]
    return np.clip(first * (1 - weight) + second * weight, 0, 255).astype(np.uint8)


def speech(duration_s: float, speaking: tuple[float, float]) -> Audio:
    """A sound track with one stretch of speech."""
    n = int(duration_s * 16_000)
    energy = np.full(int(duration_s * 100), -60.0, np.float32)
    return Audio(np.zeros(n, np.float32), (speaking,), energy, 0.01)


def turned(depth: float) -> Capture:
    """The portrait turned by 25 degrees as a solid of scaled depth: 0 is a flat picture."""
    portrait = astronaut()
    landmarks = portrait.landmarks.astype(float)
    centre = landmarks.mean(axis=0)
    angle = np.deg2rad(25)
    x, _, z = (landmarks - centre).T
    moved = landmarks.copy()
    moved[:, 0] = centre[0] + x * np.cos(angle) - depth * z * np.sin(angle)
    # Where each pixel of the turned picture comes from: by the landmarks, and by the plane at the
    # border, where there are none.
    height, width = portrait.image.shape[:2]
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)], float)
    sources = np.vstack([landmarks[:, :2], corners])
    flat = np.column_stack([centre[0] + (corners[:, 0] - centre[0]) * np.cos(angle), corners[:, 1]])
    lookup = LinearNDInterpolator(np.vstack([moved[:, :2], flat]), sources, fill_value=0.0)
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    where = lookup(columns, rows).astype(np.float32)
    image = cv2.remap(portrait.image, where[..., 0], where[..., 1], cv2.INTER_LINEAR)
    capture = capture_of(
        [portrait.image, np.asarray(image, np.uint8)],
        [portrait.landmarks, moved.astype(np.float32)],
    )
    capture.track.yaw_deg[:] = (0.0, 25.0)
    return capture
