"""Recorded video, decoded as a stream: limits are checked frame by frame, rotation is undone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from layers.capture.errors import MediaLimitError, UnreadableMediaError
from layers.capture.limits import CaptureLimits
from layers.capture.opening import has_decoder, open_media
from layers.capture.sniff import Container
from layers.capture.types import Image

# A stray damaged packet is a glitch; more than this share is a damaged file.
_DAMAGED_SHARE = 0.05
_FASTEST_FPS = 240.0
# A recording in fragments has two for each, of a second or less; millions of empty ones cost time.
_MOST_BOXES = 20_000
_KEPT_METADATA = ("major_brand", "encoder", "handler_name", "com.android.version", "make", "model")


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """What the container says; sizes as displayed."""

    width_px: int
    height_px: int
    rotation_deg: int
    nominal_fps: float
    start_s: float
    codec: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class VideoPicture:
    """One decoded frame, upright, and its time since the start of the container's clock."""

    t_s: float
    image: Image
    rotation_deg: int


class VideoReader:
    """Reads the first video stream of a file, once."""

    def __init__(self, path: Path, container: Container, limits: CaptureLimits) -> None:
        self._path, self._limits = path, limits
        if container is Container.MP4:
            check_boxes(path)
        try:
            self._input = open_media(path, container)
        except (av.FFmpegError, ValueError) as error:
            raise unreadable(path, error) from None

    @property
    def has_video(self) -> bool:
        """Whether there is a video stream."""
        return bool(self._input.streams.video)

    def header(self) -> VideoHeader:
        """Return what the container says.

        Raises
        ------
        MediaLimitError
            When it declares more pixels or a longer duration than the limits allow.
        UnreadableMediaError
            When its codec is not known.
        """
        stream = self._stream
        if not has_decoder(stream):
            raise unknown_codec(self._path)
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > self._limits.max_frame_pixels:
            msg = f"{self._path.name}: {width}x{height} video is too large; record at 1280x720"
            raise MediaLimitError(msg)
        declared = self._input.duration
        if declared is not None and declared / av.time_base > self._limits.max_seconds:
            raise self._too_long()
        everything = {**self._input.metadata, **stream.metadata}
        return VideoHeader(
            width_px=width,
            height_px=height,
            rotation_deg=0,
            nominal_fps=float(stream.average_rate or stream.guessed_rate or 0.0),
            start_s=float((stream.start_time or 0) * (stream.time_base or 0)),
            codec=stream.codec_context.name,
            metadata={key: everything[key] for key in _KEPT_METADATA if key in everything},
        )

    def expected_frames(self) -> int:
        """Return how many frames the container promises; 0 when it does not say."""
        stream = self._stream
        if stream.frames:
            return int(stream.frames)
        rate = float(stream.average_rate or 0)
        # Browsers' WebM gives the tick of its clock, 1000, as its rate.
        if self._input.duration is None or rate > _FASTEST_FPS:
            return 0
        return round(self._input.duration / av.time_base * rate)

    def pictures(self) -> Iterator[VideoPicture]:
        """Yield the frames in the order of display, at their own times.

        Raises
        ------
        MediaLimitError
            When there are more frames or seconds than the limits allow.
        UnreadableMediaError
            When nothing, or too little of it, can be decoded.
        """
        first_s: float | None = None
        previous_s = 0.0
        count = 0
        for frame in self._frames():
            if frame.width * frame.height > self._limits.max_frame_pixels:
                msg = f"{self._path.name}: a frame is too large; record at 1280x720"
                raise MediaLimitError(msg)
            step_s = 1.0 / float(self._stream.average_rate or 30)
            t_s = frame.time if frame.time is not None else previous_s + step_s
            first_s = t_s if first_s is None else first_s
            count += 1
            if t_s - first_s > self._limits.max_seconds or count > self._limits.max_frames:
                raise self._too_long()
            previous_s = t_s
            yield VideoPicture(t_s, *_upright(frame, self._limits.max_side_px))
        if not count:
            msg = f"{self._path.name} has a video track without one whole frame; record it again"
            raise UnreadableMediaError(msg)

    def close(self) -> None:
        """Let go of the file."""
        self._input.close()

    @property
    def _stream(self) -> VideoStream:
        return self._input.streams.video[0]

    def _frames(self) -> Iterator[VideoFrame]:
        packets = damaged = 0
        stream = self._stream
        try:
            for packet in self._input.demux(stream):
                packets += 1
                try:
                    yield from packet.decode()
                except av.InvalidDataError:
                    damaged += 1
        except av.FFmpegError as error:
            raise unreadable(self._path, error) from None
        if damaged > max(1.0, _DAMAGED_SHARE * packets):
            msg = f"{self._path.name}: {damaged} of {packets} packets are damaged; record it again"
            raise UnreadableMediaError(msg)

    def _too_long(self) -> MediaLimitError:
        seconds, frames = self._limits.max_seconds, self._limits.max_frames
        return MediaLimitError(
            f"{self._path.name} is longer than {seconds:g} s or {frames} frames; send a shorter one"
        )


def unreadable(path: Path, error: Exception) -> UnreadableMediaError:
    """Return the error for a file that FFmpeg refuses."""
    detail = getattr(error, "strerror", None) or type(error).__name__
    return UnreadableMediaError(
        f"{path.name} can't be decoded ({detail}): it is damaged or cut off; record it again"
    )


def unknown_codec(path: Path) -> UnreadableMediaError:
    """Return the error for a track that no decoder understands."""
    return UnreadableMediaError(
        f"{path.name} is encoded in a way that is not taken; record it again in another browser"
    )


def check_boxes(path: Path) -> None:
    """Refuse an MP4 or MOV file that ends inside a box or lacks its index.

    References
    ----------
    ISO/IEC 14496-12, 4.2: a box is its size (32 bits, or 64 after the type when it is 1; 0 = to
    the end of the file) and its type.

    Raises
    ------
    UnreadableMediaError
        When the file was cut off.
    """
    end = path.stat().st_size
    position, kinds, count = 0, set(), 0
    with path.open("rb") as stream:
        while position + 8 <= end:
            stream.seek(position)
            head = stream.read(16)
            size, kind, smallest = int.from_bytes(head[:4]), head[4:8], 8
            if size == 1:
                size, smallest = int.from_bytes(head[8:16]), 16
            if size == 0:
                size = end - position
            kinds.add(kind)
            count += 1
            if size < smallest or position + size > end or count > _MOST_BOXES:
                msg = f"{path.name} is cut off or damaged; record or upload it again"
                raise UnreadableMediaError(msg)
            position += size
    if b"moov" not in kinds:
        msg = f"{path.name} is cut off before its index; record or upload it again"
        raise UnreadableMediaError(msg)


def _upright(frame: VideoFrame, max_side_px: int) -> tuple[Image, int]:
    """Return RGB pixels scaled to the limit and turned, and the turn in degrees clockwise."""
    scale = min(1.0, max_side_px / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    pixels: Image = np.asarray(frame.to_ndarray(format="rgb24", width=width, height=height))
    # FFmpeg gives the display matrix as degrees counterclockwise; only quarter turns occur.
    quarters = round(frame.rotation / 90) % 4
    if quarters:
        pixels = np.ascontiguousarray(np.rot90(pixels, quarters), dtype=np.uint8)
    return pixels, (-90 * quarters) % 360
