"""How one object is encrypted: AES-256-GCM in chunks, under a key of the object's own.

An object is ``BFE1``, 32 random bytes of salt, and the chunks. Its key is derived from the data
key of its session with that salt, its session's id and its name (HKDF-SHA256, RFC 5869): an object
that is renamed, or moved to another session, does not open. As no two objects share a key, the
number of the chunk is a nonce that never repeats; its last byte marks the last chunk, so that
nothing can be cut off. The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CHUNK_BYTES = 64 * 1024
_MAGIC = b"BFE1"
_SALT_BYTES = 32
_TAG_BYTES = 16
_COUNTER_BYTES = 11
HEAD_BYTES = len(_MAGIC) + _SALT_BYTES
_SEALED_BYTES = CHUNK_BYTES + _TAG_BYTES

ReadRange = Callable[[int, int], bytes]


class EnvelopeError(ValueError):
    """An object is damaged, cut off, or not what its name says."""


@dataclass(frozen=True, slots=True)
class Binding:
    """What an object belongs to; another session or name does not open it."""

    data_key: bytes = field(repr=False)
    session_id: str
    name: str

    def cipher(self, salt: bytes) -> AESGCM:
        """Return the cipher of the object with this salt."""
        info = b"\0".join((b"bonafide object", self.session_id.encode(), self.name.encode()))
        derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info)
        return AESGCM(derive.derive(self.data_key))


def seal(binding: Binding, plain: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the object that holds `plain`; no more than a chunk of it is in memory at a time."""
    salt = secrets.token_bytes(_SALT_BYTES)
    cipher, head = binding.cipher(salt), _MAGIC + salt
    yield head
    waiting, number = b"", 0
    for piece in plain:
        held = memoryview(waiting + piece)
        whole = max(0, len(held) - 1) // CHUNK_BYTES  # a full chunk may still be the last one
        for at in range(0, whole * CHUNK_BYTES, CHUNK_BYTES):
            yield cipher.encrypt(_nonce(number, last=False), held[at : at + CHUNK_BYTES], head)
            number += 1
        waiting = bytes(held[whole * CHUNK_BYTES :])
    yield cipher.encrypt(_nonce(number, last=True), waiting, head)


def plain_size(sealed_size: int) -> int:
    """Return how many bytes an object of `sealed_size` holds.

    Raises
    ------
    EnvelopeError
        When no object has that size.
    """
    body = sealed_size - HEAD_BYTES
    chunks = -(-body // _SEALED_BYTES)
    if body < _TAG_BYTES or body - (chunks - 1) * _SEALED_BYTES < _TAG_BYTES:
        raise EnvelopeError("a stored object was cut off")
    return body - chunks * _TAG_BYTES


def open_range(
    binding: Binding, read: ReadRange, sealed_size: int, start: int, end: int
) -> Iterator[bytes]:
    """Yield the bytes from `start` up to `end` of what an object holds, checked chunk by chunk.

    Parameters
    ----------
    read
        Returns the bytes of the object from one place up to another.

    Raises
    ------
    EnvelopeError
        When a byte of it was changed, or the binding is not the one it was sealed with.
    """
    plain_size(sealed_size)
    head = read(0, HEAD_BYTES)
    if not head.startswith(_MAGIC):
        raise EnvelopeError("a stored object is not one of ours")
    cipher = binding.cipher(head[len(_MAGIC) :])
    last = (sealed_size - HEAD_BYTES - 1) // _SEALED_BYTES
    for number in range(start // CHUNK_BYTES, max(start, end - 1) // CHUNK_BYTES + 1):
        at = HEAD_BYTES + number * _SEALED_BYTES
        sealed = read(at, min(at + _SEALED_BYTES, sealed_size))
        try:
            chunk = cipher.decrypt(_nonce(number, last=number == last), sealed, head)
        except InvalidTag:
            raise EnvelopeError("a stored object was changed or belongs elsewhere") from None
        first = number * CHUNK_BYTES
        yield chunk[max(0, start - first) : end - first]


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_COUNTER_BYTES, "big") + (b"\1" if last else b"\0")
