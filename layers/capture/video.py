"""Recorded video, frame by frame: upright, with the file's own times, limits checked on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from layers.capture.errors import MediaLimitError, UnreadableMediaError
from layers.capture.files import FileKind, checked_file
from layers.capture.images import fit
from layers.capture.limits import CaptureLimits
from layers.capture.types import Image

# What FFmpeg may open from inside a container: a playlist could otherwise name any file or host.
OPEN_OPTIONS = {"protocol_whitelist": "file"}


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """What the container says about its video stream."""

    width_px: int
    height_px: int
    nominal_fps: float
    container: str
    codec: str
    expected_frames: int


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One decoded frame: upright RGB and its presentation time."""

    t_s: float
    image: Image


class VideoReader:
    """Reads one video file once, in order.

    Parameters
    ----------
    path
        The file; its kind is told from its bytes.

    Raises
    ------
    MediaError
        When it is empty, too large, damaged, cut off or has no video in it.
    """

    def __init__(self, path: Path, limits: CaptureLimits) -> None:
        self._name = path.name
        self._limits = limits
        self.rotation_deg = 0
        checked_file(path, limits, FileKind.MEDIA)
        self._container = open_container(path)
        try:
            self._stream, self.header = self._find_stream()
        except Exception:
            self._container.close()
            raise

    def frames(self) -> Iterator[VideoFrame]:
        """Yield every frame; close the file at the end."""
        count = 0
        try:
            for frame in self._container.decode(self._stream):
                t_s = float(frame.time) if frame.time is not None else float("nan")
                count += 1
                self._check(count, t_s, frame.width * frame.height)
                self.rotation_deg = frame.rotation % 360
                image = frame.to_ndarray(format="rgb24")
                turned = np.rot90(image, -(-frame.rotation // 90) % 4)
                yield VideoFrame(
                    t_s, fit(np.asarray(turned, np.uint8), self._limits.working_side_px)
                )
        except av.FFmpegError as error:
            if count == 0:
                msg = f"{self._name}: no frame can be decoded ({error.strerror}); record it again"
                raise UnreadableMediaError(msg) from None
            msg = f"{self._name}: damaged or cut off after {count} frames; record it again"
            raise UnreadableMediaError(msg) from None
        finally:
            self._container.close()
        if count == 0:
            msg = f"{self._name}: holds no video frame; record it again"
            raise UnreadableMediaError(msg)

    def _find_stream(self) -> tuple[av.VideoStream, VideoHeader]:
        if not self._container.streams.video:
            msg = f"{self._name}: has no video track"
            raise UnreadableMediaError(msg)
        stream = self._container.streams.video[0]
        context = stream.codec_context
        if context.width * context.height > self._limits.max_video_px:
            msg = f"{self._name}: {context.width}x{context.height} pixels is more than 4K"
            raise MediaLimitError(msg)
        duration_s = (self._container.duration or 0) / 1e6
        if duration_s > self._limits.max_duration_s:
            msg = (
                f"{self._name}: {duration_s:.0f} s, the limit is {self._limits.max_duration_s:g} s"
            )
            raise MediaLimitError(msg)
        rate = float(stream.average_rate or 0)
        frames = stream.frames or round(duration_s * rate)
        header = VideoHeader(
            context.width,
            context.height,
            rate,
            self._container.format.name,
            context.name,
            min(frames, self._limits.max_frames),
        )
        return stream, header

    def _check(self, count: int, t_s: float, pixels: int) -> None:
        limits = self._limits
        if count > limits.max_frames:
            msg = f"{self._name}: more than {limits.max_frames} frames"
            raise MediaLimitError(msg)
        if t_s > limits.max_duration_s:
            msg = f"{self._name}: longer than {limits.max_duration_s:g} s"
            raise MediaLimitError(msg)
        if pixels > limits.max_video_px:
            msg = f"{self._name}: the picture grows beyond 4K on the way"
            raise MediaLimitError(msg)


def open_container(path: Path) -> av.container.InputContainer:
    """Open a media file for reading, with local files only."""
    try:
        return av.open(str(path), options=OPEN_OPTIONS, metadata_errors="ignore")
    except (av.FFmpegError, ValueError, OSError):
        msg = f"{path.name}: no decoder understands it, or it is cut off; record it again"
        raise UnreadableMediaError(msg) from None
