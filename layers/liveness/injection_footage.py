"""Real footage for the table of docs/injection.md, and captures of it without a face track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from layers.capture.sensor import SensorMeter
from layers.capture.thumbs import thumb_of
from layers.capture.types import (
    N_LANDMARKS,
    THUMB_SHAPE,
    Capture,
    Challenge,
    FaceTrack,
    Image,
    MediaKind,
    Source,
    TimeArray,
)

Pictures = list[Image]

_PAGE_SIDE_PX = 960  # of service/page/capture.js


@dataclass(frozen=True, slots=True)
class Footage:
    """Pictures and their times, from 0 on."""

    pictures: Pictures
    t_s: TimeArray

    @property
    def fps(self) -> float:
        """The usual rate."""
        return 1.0 / float(np.median(np.diff(self.t_s)))


def read_clip(path: Path, longest_s: float, side_px: int) -> tuple[Footage, Capture]:
    """Decode a video once: the centre of its beginning, cut out on the codec's grid, and all of it.

    Parameters
    ----------
    longest_s
        How much of the centre is kept.
    side_px
        Of the centre; whole pictures are scaled down to 960 px, as the page does.
    """
    seen = _Seen()
    centres: Pictures = []
    times: list[float] = []
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        for frame in source.decode(stream):
            at_s = float(frame.time or 0.0)
            scale = min(1.0, _PAGE_SIDE_PX / max(frame.width, frame.height))
            width, height = round(frame.width * scale), round(frame.height * scale)
            picture = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height))
            seen.look(np.asarray(picture, np.uint8))
            times.append(at_s)
            if at_s - times[0] <= longest_s:
                centres.append(_centre(np.asarray(picture, np.uint8), side_px))
        recorded = Source(
            MediaKind.VIDEO,
            stream.codec_context.width,
            stream.codec_context.height,
            metadata={**source.metadata, **stream.metadata},
        )
    t_s = np.array(times) - times[0]
    return Footage(centres, t_s[: len(centres)]), seen.capture(t_s, recorded)


def capture_of(pictures: Sequence[Image], t_s: TimeArray, source: Source) -> Capture:
    """Return what frame_timing looks at, without a face track: it needs none."""
    seen = _Seen()
    for picture in pictures:
        seen.look(picture)
    return seen.capture(t_s, source)


class _Seen:
    """Thumbnails and sensor figures of pictures that need not be kept."""

    def __init__(self) -> None:
        self._meter = SensorMeter()
        self._thumbs: Pictures = []

    def look(self, picture: Image) -> None:
        self._meter.look(picture)
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        self._thumbs.append(thumb_of(np.asarray(grey, np.uint8)))

    def capture(self, t_s: TimeArray, source: Source) -> Capture:
        thumbs = np.array(self._thumbs, np.uint8).reshape(len(t_s), *THUMB_SHAPE)
        track = faceless_track(t_s, thumbs)
        return Capture(source, track, (), (), None, Challenge(), sensor=self._meter.figures())


def faceless_track(t_s: TimeArray, thumbs: Image) -> FaceTrack:
    """Return the track of pictures in which nobody looked for a face.

    Parameters
    ----------
    thumbs : uint8 (T, 48, 64)
    """
    n = len(t_s)
    unknown = np.full(n, np.nan, np.float32)
    return FaceTrack(
        t_s=t_s,
        steps=(None,) * n,
        received_s=np.full(n, np.nan),
        n_faces=np.zeros(n, np.int32),
        landmarks=np.full((n, N_LANDMARKS, 3), np.nan, np.float32),
        yaw_deg=unknown,
        pitch_deg=unknown,
        roll_deg=unknown,
        ear=np.full((n, 2), np.nan, np.float32),
        mar=unknown,
        thumbs=thumbs,
        brightness=unknown,
        sharpness=unknown,
    )


def _centre(picture: Image, side_px: int) -> Image:
    starts = [max(0, (side - side_px) // 2) // 8 * 8 for side in picture.shape[:2]]
    rows, columns = (slice(start, start + side_px) for start in starts)
    return np.ascontiguousarray(picture[rows, columns])


def source_of(pictures: Sequence[Image], kind: MediaKind, **more: Any) -> Source:
    """Return where pictures of that size came from."""
    height, width = pictures[0].shape[:2]
    return Source(kind, width, height, **more)
