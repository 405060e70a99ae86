"""From a valid input to a hostile one: numbers at the edge, pieces cut, doubled and mixed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from tests.fuzz.structure import mended, places

_MOST_BYTES = 200_000
_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_WORDS = (
    *(b"NaN", b"1e999", b"-1", b"null", b"[]", b"{}", b'"\\ud800"', b"9" * 400, b"\0", b"\xff\xfe"),
    *(b'"../x"', b"[" * 3000, b"\r\n--fuzz\r\n", b"--fuzz--", b"filename*=utf-8''%ff", b'name="'),
)
Mutation = Callable[[random.Random, bytearray], None]


def mutated(chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return one input made of one or two seeds by one to four mutations."""
    data = bytearray(chance.choice(seeds))
    if chance.random() < 0.1:
        other = chance.choice(seeds)
        data[chance.randrange(len(data) + 1) :] = other[chance.randrange(len(other) + 1) :]
    for _ in range(chance.choice((1, 1, 2, 4))):
        if data:
            chance.choice(_MUTATIONS)(chance, data)
    del data[_MOST_BYTES:]
    return mended(data) if chance.random() < 0.8 else bytes(data)


def _number(chance: random.Random, data: bytearray) -> None:
    """Write an edge value, or a neighbour of what is there, where a number stands."""
    known = places(bytes(data))
    if not known:
        _byte(chance, data)
        return
    place = chance.choice(known)
    now = int.from_bytes(data[place.at : place.at + place.size])
    value = chance.choice((*_EDGES, now + 1, now - 1, now * 2, now ^ (1 << chance.randrange(32))))
    size = place.size
    order = chance.choice(("big", "little"))
    data[place.at : place.at + size] = (value % 256**size).to_bytes(size, order)


def _byte(chance: random.Random, data: bytearray) -> None:
    data[chance.randrange(len(data))] = chance.choice(
        (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
    )


def _word(chance: random.Random, data: bytearray) -> None:
    known = places(bytes(data))
    at = chance.choice(known).at if known and chance.random() < 0.5 else chance.randrange(len(data))
    word = chance.choice(_WORDS)
    data[at : at + chance.choice((0, len(word), 4))] = word


def _cut(chance: random.Random, data: bytearray) -> None:
    del data[chance.randrange(len(data)) :]


def _drop(chance: random.Random, data: bytearray) -> None:
    at = chance.randrange(len(data))
    del data[at : at + chance.choice((1, 4, 16, 256))]


def _double(chance: random.Random, data: bytearray) -> None:
    at, size = chance.randrange(len(data)), chance.choice((1, 8, 64, 1024))
    data[at:at] = data[at : at + size] * chance.choice((1, 2, 50))


def _noise(chance: random.Random, data: bytearray) -> None:
    at, size = chance.randrange(len(data)), chance.choice((4, 32, 500))
    data[at : at + size] = chance.randbytes(min(size, len(data) - at))


_MUTATIONS: tuple[Mutation, ...] = (
    *(_number, _number, _number, _number, _byte, _byte),
    *(_word, _cut, _drop, _double, _noise),
)
