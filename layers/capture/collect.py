"""From pictures, one after the other, to a face track and an even sample of their pixels."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from layers.capture.geometry import eye_aspect_ratio, mouth_aspect_ratio
from layers.capture.limits import CaptureLimits
from layers.capture.pose import head_pose
from layers.capture.sensor import SensorFigures, SensorMeter
from layers.capture.tracker import FaceTracker, TrackedFrame
from layers.capture.types import N_LANDMARKS, THUMB_SHAPE, FaceTrack, Image, Step, TimeArray

_AHEAD = 4
_END = None


class EvenSample:
    """Keeps every n-th picture, and doubles n whenever there are too many."""

    def __init__(self, limits: CaptureLimits, expected: int = 0) -> None:
        self._limits = limits
        self._expected = expected
        self._stride = 0
        self._most = 1
        self._seen = 0
        self._kept: dict[int, Image] = {}

    def offer(self, image: Image) -> None:
        """Take the next picture."""
        if not self._stride:
            pixels = image.shape[0] * image.shape[1]
            budget = self._limits.max_kept_pixels // pixels
            self._most = max(1, min(self._limits.max_kept_frames, budget))
            self._stride = max(1, -(-self._expected // self._most))
        if self._seen % self._stride == 0:
            self._kept[self._seen] = image
        self._seen += 1
        if len(self._kept) > self._most:
            self._stride *= 2
            self._kept = {k: v for k, v in self._kept.items() if k % self._stride == 0}

    @property
    def indices(self) -> tuple[int, ...]:
        """Which pictures were kept."""
        return tuple(self._kept)

    @property
    def images(self) -> tuple[Image, ...]:
        """The kept pictures."""
        return tuple(self._kept.values())


def collect(
    pictures: Iterable[tuple[float, Image]], sample: EvenSample, *, dense: bool
) -> tuple[TimeArray, list[TrackedFrame], SensorFigures | None]:
    """Track every picture and offer each to the sample.

    Returns times, what was seen, and what a `dense` sequence says of the sensor.
    """
    times, tracked = [], []
    meter = SensorMeter()
    with FaceTracker(dense=dense) as tracker:
        for t_s, image in _ahead(iter(pictures)):
            tracked.append(tracker.track(image, t_s))
            times.append(t_s)
            sample.offer(image)
            if dense:
                meter.look(image)
    return np.array(times, dtype=np.float64), tracked, meter.figures()


def face_track(
    times: TimeArray,
    tracked: list[TrackedFrame],
    steps: tuple[Step | None, ...],
    received_s: TimeArray | None = None,
) -> FaceTrack:
    """Stack what was seen and derive pose, EAR and MAR."""
    n = len(tracked)
    landmarks = np.full((n, N_LANDMARKS, 3), np.nan, dtype=np.float32)
    thumbs = np.zeros((n, *THUMB_SHAPE), dtype=np.uint8)
    for row, seen in enumerate(tracked):
        landmarks[row] = seen.landmarks
        thumbs[row] = seen.thumb
    yaw, pitch, roll = head_pose(landmarks)
    return FaceTrack(
        t_s=times,
        steps=steps,
        received_s=np.full(n, np.nan) if received_s is None else received_s,
        n_faces=np.array([seen.n_faces for seen in tracked], dtype=np.int32),
        landmarks=landmarks,
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        ear=eye_aspect_ratio(landmarks),
        mar=mouth_aspect_ratio(landmarks),
        thumbs=thumbs,
        brightness=np.array([seen.brightness for seen in tracked], dtype=np.float32),
        sharpness=np.array([seen.sharpness for seen in tracked], dtype=np.float32),
        contrast=np.array([seen.contrast for seen in tracked], dtype=np.float32).reshape(n, 3),
    )


def _ahead(pictures: Iterator[tuple[float, Image]]) -> Iterator[tuple[float, Image]]:
    """Yield the same pictures, with the next ones being decoded meanwhile in a thread."""
    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(next, pictures, _END) for _ in range(_AHEAD))
        while (picture := coming.popleft().result()) is not _END:
            coming.append(pool.submit(next, pictures, _END))
            yield picture
