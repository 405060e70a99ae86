"""The one way to FFmpeg: a named demuxer, files only, few threads."""

from __future__ import annotations

from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from layers.capture.sniff import Container

# What a file refers to is not fetched: no address, no pipe, no other protocol.
FFMPEG_OPTIONS = {"protocol_whitelist": "file"}
# Each decoding thread holds frames of its own: on a machine with many cores they would be the
# largest part of the memory.
_THREADS = 4


def open_media(path: Path, container: Container) -> InputContainer:
    """Open a file as what its first bytes say it is.

    Raises
    ------
    av.FFmpegError, ValueError
        When FFmpeg does not take it.
    """
    opened = av.open(
        str(path), format=str(container), metadata_errors="replace", options=FFMPEG_OPTIONS
    )
    for stream in opened.streams.video:
        if has_decoder(stream):
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = _THREADS
    return opened


def has_decoder(stream: VideoStream | AudioStream) -> bool:
    """Whether FFmpeg knows the codec that the container names: PyAV has no context without."""
    context: object = stream.codec_context
    return context is not None
