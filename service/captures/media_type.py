"""Recognise media by its first bytes: neither the file name nor the declared type is trusted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

HEAD_BYTES = 16


class Part(StrEnum):
    """The file fields of a capture."""

    FRAMES = "frames"
    AUDIO = "audio"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class MediaType:
    """A file format: the extension it is stored under, and its type on the wire."""

    extension: str
    mime: str


_JPEG = MediaType("jpg", "image/jpeg")
_PNG = MediaType("png", "image/png")
_WEBP = MediaType("webp", "image/webp")
_WAV = MediaType("wav", "audio/wav")
_FLAC = MediaType("flac", "audio/flac")
_MP3 = MediaType("mp3", "audio/mpeg")
_AAC = MediaType("aac", "audio/aac")
_OGG = MediaType("ogg", "audio/ogg")
_WEBM = MediaType("webm", "video/webm")
_MP4 = MediaType("mp4", "video/mp4")

_SIGNATURES: tuple[tuple[MediaType, Callable[[bytes], bool]], ...] = (
    (_JPEG, lambda head: head.startswith(b"\xff\xd8\xff")),
    (_PNG, lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    (_WEBP, lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP"),
    (_WAV, lambda head: head.startswith((b"RIFF", b"RF64")) and head[8:12] == b"WAVE"),
    (_FLAC, lambda head: head.startswith(b"fLaC")),
    (_OGG, lambda head: head.startswith(b"OggS")),
    (_WEBM, lambda head: head.startswith(b"\x1a\x45\xdf\xa3")),  # EBML: Matroska, WebM
    # ISO base media starts with a box: its length, then its type.
    (_MP4, lambda head: head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
    (_MP3, lambda head: head.startswith(b"ID3") or _is_mpeg_audio(head, layer=True)),
    (_AAC, lambda head: _is_mpeg_audio(head, layer=False)),
)

ACCEPTED: Mapping[Part, frozenset[MediaType]] = {
    Part.FRAMES: frozenset({_JPEG, _PNG, _WEBP}),
    Part.AUDIO: frozenset({_WAV, _FLAC, _MP3, _AAC, _OGG, _WEBM, _MP4}),
    Part.VIDEO: frozenset({_WEBM, _MP4}),
}
BY_EXTENSION: Mapping[str, MediaType] = {kind.extension: kind for kind, _ in _SIGNATURES}


def recognise(head: bytes) -> MediaType | None:
    """Return the format that a file starting with `head` has; None when it is not known."""
    return next((kind for kind, matches in _SIGNATURES if matches(head)), None)


def _is_mpeg_audio(head: bytes, *, layer: bool) -> bool:
    """Whether it starts with an MPEG audio sync word; ADTS (AAC) is the one with layer 0."""
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    return (head[1] & 0x06 != 0) == layer
