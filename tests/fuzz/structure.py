"""Where the numbers of a format stand, and how to make its checksums right again."""

from __future__ import annotations

import itertools
import re
import struct
import zlib
from dataclasses import dataclass

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta", b"edts", b"dinf"}
# EBML ids of elements that hold others: Segment, Info, Tracks, TrackEntry, Video, Audio, Cluster.
_MASTERS = {0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0xE1, 0x1F43B675, 0x1A45DFA3, 0xA0}
_JSON_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Bytes that mean something: a length, a type, a count."""

    at: int
    size: int


def places(data: bytes) -> list[Place]:
    """Return the structural places of `data`, none where the format is not known."""
    if data[4:8] == b"ftyp":
        return list(_boxes(data, 0, len(data)))
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return _elements(data)
    if data[:4] in (b"RIFF", b"\x89PNG"):
        return _chunks(data)
    if data[:2] == b"\xff\xd8":
        return _segments(data)
    if data[:4] == b"OggS":
        return [Place(at, 27) for at in _found(data, b"OggS")]
    if data[:4] == b"fLaC":
        return [Place(4, 4), Place(8, 18)]
    if data[:1] == b"{":
        return [Place(m.start(), m.end() - m.start()) for m in _JSON_NUMBER.finditer(data)]
    return []


def mended(data: bytearray) -> bytes:
    """Return `data` with the checksums of PNG and Ogg recomputed, so that parsers go on."""
    if data[:4] == b"\x89PNG":
        _mend_png(data)
    elif data[:4] == b"OggS":
        _mend_ogg(data)
    return bytes(data)


def _boxes(data: bytes, begin: int, end: int) -> list[Place]:
    found, at = [], begin
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        found += [Place(at, 4), Place(at + 4, 4)]
        if not 8 <= size <= end - at:
            break
        if kind in _CONTAINERS:
            found += _boxes(data, at + 8, at + size)
        else:
            found += [Place(here, 4) for here in range(at + 8, min(at + size, at + 200) - 3, 4)]
        at += size
    return found


def _elements(data: bytes) -> list[Place]:
    found, at = [], 0
    while at + 2 < len(data):
        id_size = 9 - data[at].bit_length()
        if data[at] == 0 or id_size > 4:
            break
        number = int.from_bytes(data[at : at + id_size])
        length_at = at + id_size
        if length_at >= len(data) or data[length_at] == 0:
            break
        length_size = 9 - data[length_at].bit_length()
        raw = int.from_bytes(data[length_at : length_at + length_size])
        length = raw & ((1 << (7 * length_size)) - 1)
        body = length_at + length_size
        found += [Place(at, id_size), Place(length_at, length_size)]
        if number in _MASTERS:
            at = body
            continue
        found.append(Place(body, min(max(length, 1), 8)))
        at = body + length
    return found


def _chunks(data: bytes) -> list[Place]:
    is_png = data[:4] == b"\x89PNG"
    found, at = [], 8 if is_png else 12
    while at + 8 <= len(data):
        first, second = data[at : at + 4], data[at + 4 : at + 8]
        size = int.from_bytes(first if is_png else second, "big" if is_png else "little")
        found += [Place(at, 4), Place(at + 4, 4)]
        found += [Place(here, 2) for here in range(at + 8, min(at + 8 + size, at + 48), 2)]
        at += size + (12 if is_png else 8 + size % 2)
    return found


def _segments(data: bytes) -> list[Place]:
    found, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        size = int.from_bytes(data[at + 2 : at + 4])
        found += [Place(at + 1, 1), Place(at + 2, 2)]
        found += [Place(here, 2) for here in range(at + 4, min(at + 2 + size, at + 40), 2)]
        if data[at + 1] == 0xDA:
            break
        at += 2 + size
    return found


def _found(data: bytes, mark: bytes) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(mark), data)]


def _mend_png(data: bytearray) -> None:
    at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        if at + 12 + size > len(data):
            return
        check = zlib.crc32(data[at + 4 : at + 8 + size])
        data[at + 8 + size : at + 12 + size] = check.to_bytes(4)
        at += 12 + size


def _mend_ogg(data: bytearray) -> None:
    starts = [*_found(bytes(data), b"OggS"), len(data)]
    for begin, end in itertools.pairwise(starts):
        if end - begin >= 27:
            data[begin + 22 : begin + 26] = bytes(4)
            data[begin + 22 : begin + 26] = _ogg_crc(bytes(data[begin:end])).to_bytes(4, "little")


def _ogg_crc(page: bytes) -> int:
    """CRC-32 of RFC 3533: polynomial 0x04c11db7, neither reflected nor inverted."""
    check = 0
    for byte in page:
        check ^= byte << 24
        for _ in range(8):
            check = (check << 1) ^ (0x04C11DB7 if check & 0x80000000 else 0)
        check &= 0xFFFFFFFF
    return check
