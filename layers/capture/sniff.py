"""What a file is by its first bytes; names and extensions are never believed."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from layers.capture.errors import EmptyMediaError, MediaLimitError, UnreadableMediaError
from layers.capture.limits import CaptureLimits

_HEAD_BYTES = 64


class Container(StrEnum):
    """A kind of file that is taken; the value is the name of its FFmpeg demuxer or PIL reader."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    MP4 = "mov"
    WEBM = "matroska"
    WAV = "wav"
    FLAC = "flac"
    MP3 = "mp3"
    AAC = "aac"
    OGG = "ogg"

    @property
    def is_image(self) -> bool:
        """Whether it holds one picture."""
        return self in (Container.JPEG, Container.PNG, Container.WEBP)

    @property
    def may_hold_video(self) -> bool:
        """Whether it can hold moving pictures."""
        return self in (Container.MP4, Container.WEBM)


def sniff(path: Path, limits: CaptureLimits) -> Container:
    """Return what the file at `path` is.

    Raises
    ------
    EmptyMediaError
        When there is not a byte in it.
    MediaLimitError
        When it is larger than one file may be.
    UnreadableMediaError
        When it is missing, or none of the kinds that are taken.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError as error:
        msg = f"{path.name} can't be read ({error.strerror}); check the path"
        raise UnreadableMediaError(msg) from None
    if size == 0:
        msg = f"{path.name} is empty; record it again"
        raise EmptyMediaError(msg)
    if size > limits.max_file_bytes:
        msg = f"{path.name} has {size} bytes; at most {limits.max_file_bytes} are taken"
        raise MediaLimitError(msg)
    container = recognise(head)
    if container is None:
        msg = (
            f"{path.name} is not a picture, video or sound that is taken; send JPEG, PNG or WebP, "
            "MP4, MOV or WebM, WAV, FLAC, MP3, AAC or Ogg"
        )
        raise UnreadableMediaError(msg)
    return container


def recognise(head: bytes) -> Container | None:
    """Return the kind of file that starts with `head`, or None.

    References
    ----------
    ISO/IEC 14496-12 (``ftyp`` or another box first), RFC 8794 (EBML), RFC 3533 (Ogg), RFC 9639
    (FLAC), ISO/IEC 13818-7 (ADTS: twelve sync bits, layer 0), ISO/IEC 11172-3 (eleven sync bits).
    """
    if head[:4] == b"RIFF":
        return {b"WAVE": Container.WAV, b"WEBP": Container.WEBP}.get(head[8:12])
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return Container.MP4
    for magic, container in _MAGIC:
        if head.startswith(magic):
            return container
    if len(head) >= 2 and head[0] == 0xFF:
        if head[1] & 0xF6 == 0xF0:
            return Container.AAC
        if head[1] & 0xE0 == 0xE0 and head[1] & 0x06:
            return Container.MP3
    return None


_MAGIC = (
    (b"\xff\xd8\xff", Container.JPEG),
    (b"\x89PNG\r\n\x1a\n", Container.PNG),
    (b"\x1a\x45\xdf\xa3", Container.WEBM),
    (b"fLaC", Container.FLAC),
    (b"OggS", Container.OGG),
    (b"ID3", Container.MP3),
)
