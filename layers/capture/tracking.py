"""Builds the face track row by row while frames go by, and keeps an even sample of pixels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from layers.capture.geometry import eye_aspect_ratio, head_pose_deg, mouth_aspect_ratio
from layers.capture.limits import CaptureLimits
from layers.capture.tracker import FaceTracker
from layers.capture.types import N_LANDMARKS, THUMB_SHAPE, FaceTrack, FloatArray, Image, Step

_NO_FACE = np.full((N_LANDMARKS, 3), np.nan, np.float32)


class TrackBuilder:
    """Collects one row per frame.

    Parameters
    ----------
    tracker
        In the mode that fits the source.
    expected_frames
        How many will come, as far as is known; decides which frames keep their pixels.
    """

    def __init__(self, tracker: FaceTracker, expected_frames: int, limits: CaptureLimits) -> None:
        self._tracker = tracker
        self._limits = limits
        self._stride = 1
        self._expected = expected_frames
        self._rows: list[tuple[float, ...]] = []
        self._meshes: list[FloatArray] = []
        self._thumbs: list[Image] = []
        self._kept: dict[int, Image] = {}

    @staticmethod
    def empty() -> FaceTrack:
        """Return the track of a capture without frames."""
        none = np.zeros(0, np.float32)
        return FaceTrack(
            t_s=np.zeros(0),
            steps=(),
            received_s=np.zeros(0),
            n_faces=np.zeros(0, np.int32),
            landmarks=np.zeros((0, N_LANDMARKS, 3), np.float32),
            yaw_deg=none,
            pitch_deg=none,
            roll_deg=none,
            ear=np.zeros((0, 2), np.float32),
            mar=none,
            thumbs=np.zeros((0, *THUMB_SHAPE), np.uint8),
            brightness=none,
            sharpness=none,
        )

    def add(self, image: Image) -> None:
        """Track one frame."""
        index = len(self._rows)
        if index == 0:
            self._stride = self._stride_for(image)
        face = self._tracker.track(image)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        thumb = cv2.resize(grey, THUMB_SHAPE[::-1], interpolation=cv2.INTER_AREA)
        self._thumbs.append(np.asarray(thumb, np.uint8))
        region = grey if face.landmarks is None else _face_box(grey, face.landmarks)
        brightness = float(region.mean())
        sharpness = float(cv2.Laplacian(_at_face_scale(region), cv2.CV_32F).var())
        if face.landmarks is None:
            self._meshes.append(_NO_FACE)
            measures = (float("nan"),) * 6
        else:
            self._meshes.append(face.landmarks)
            left, right = eye_aspect_ratio(face.landmarks)
            mouth = mouth_aspect_ratio(face.landmarks)
            measures = (*head_pose_deg(face.landmarks), float(left), float(right), mouth)
        self._rows.append((face.n_faces, brightness, sharpness, *measures))
        if index % self._stride == 0:
            self._keep(index, image)

    def finish(
        self,
        t_s: Sequence[float],
        steps: Sequence[Step | None] | None = None,
        received_s: Sequence[float] | None = None,
    ) -> tuple[FaceTrack, tuple[Image, ...], tuple[int, ...]]:
        """Return the track, the kept images and their indices."""
        n = len(self._rows)
        table = np.asarray(self._rows, np.float32).reshape(n, 9)
        track = FaceTrack(
            t_s=np.asarray(t_s, np.float64),
            steps=tuple(steps) if steps is not None else (None,) * n,
            received_s=np.asarray(received_s if received_s is not None else [np.nan] * n, float),
            n_faces=table[:, 0].astype(np.int32),
            landmarks=np.asarray(self._meshes, np.float32).reshape(n, N_LANDMARKS, 3),
            yaw_deg=table[:, 3],
            pitch_deg=table[:, 4],
            roll_deg=table[:, 5],
            ear=table[:, 6:8],
            mar=table[:, 8],
            thumbs=np.asarray(self._thumbs, np.uint8).reshape(n, *THUMB_SHAPE),
            brightness=table[:, 1],
            sharpness=table[:, 2],
        )
        kept = tuple(sorted(self._kept))
        return track, tuple(self._kept[index] for index in kept), kept

    def _stride_for(self, image: Image) -> int:
        pixels = image.shape[0] * image.shape[1]
        most = max(8, min(self._limits.kept_images, self._limits.kept_px // pixels))
        return max(1, -(-self._expected // most))

    def _keep(self, index: int, image: Image) -> None:
        self._kept[index] = image
        # A container that lied about its length: thin out, evenly, and go on with a wider stride.
        if len(self._kept) > 2 * self._limits.kept_images:
            self._stride *= 2
            self._kept = {at: own for at, own in self._kept.items() if at % self._stride == 0}


def _face_box(grey: Image, landmarks: FloatArray) -> Image:
    height, width = grey.shape
    low = np.clip(landmarks[:, :2].min(0), 0, (width - 2, height - 2)).astype(int)
    high = np.clip(landmarks[:, :2].max(0), low + 2, (width, height)).astype(int)
    return grey[low[1] : high[1], low[0] : high[0]]


def _at_face_scale(region: Image) -> Image:
    """Scale to 128 px, so that sharpness doesn't depend on how many pixels the face has."""
    return np.asarray(cv2.resize(region, (128, 128), interpolation=cv2.INTER_AREA), np.uint8)
