"""Bytes before decoding: size, emptiness and what the first bytes say the file is."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from layers.capture.errors import EmptyMediaError, MediaLimitError, UnreadableMediaError
from layers.capture.limits import CaptureLimits


class FileKind(StrEnum):
    """What a file is by its first bytes, whatever its name says."""

    IMAGE = "image"
    MEDIA = "media"
    UNKNOWN = "unknown"


_HEAD_BYTES = 64


def sniff(head: bytes) -> FileKind:
    """Return what the first bytes of a file say it is."""
    riff = head[:4] == b"RIFF"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (riff and head[8:12] == b"WEBP"):
        return FileKind.IMAGE
    if riff and head[8:12] == b"WAVE":
        return FileKind.MEDIA
    if head.startswith((b"\x1aE\xdf\xa3", b"OggS", b"fLaC", b"ID3")) or head[4:8] == b"ftyp":
        return FileKind.MEDIA
    # QuickTime files may begin with another atom; MPEG audio with a bare frame header.
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        return FileKind.MEDIA
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return FileKind.MEDIA
    return FileKind.UNKNOWN


def checked_file(path: Path, limits: CaptureLimits, wanted: FileKind) -> Path:
    """Return `path` when it may be decoded.

    Raises
    ------
    UnreadableMediaError
        When it can't be read or is of another kind.
    EmptyMediaError, MediaLimitError
        When it is empty, or larger than the limit.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        msg = f"{path.name}: can't be read: {error.strerror}"
        raise UnreadableMediaError(msg) from None
    if size == 0:
        msg = f"{path.name}: the file is empty; record it again"
        raise EmptyMediaError(msg)
    if size > limits.max_file_bytes:
        limit_mb = limits.max_file_bytes / 1e6
        msg = f"{path.name}: {size / 1e6:.0f} MB, the limit is {limit_mb:.0f} MB"
        raise MediaLimitError(msg)
    if sniff(head) is not wanted:
        kinds = "JPEG, PNG or WebP" if wanted is FileKind.IMAGE else "MP4, WebM, MOV or sound"
        msg = f"{path.name}: is not a {kinds} file, whatever its name says"
        raise UnreadableMediaError(msg)
    return path
