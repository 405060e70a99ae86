"""Master keys: they wrap the data key of each session and touch nothing else.

The first one wraps. Others only unwrap what was wrapped before they were replaced.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.media.key_file import HOW_TO_MAKE, decoded, make_once
from service.settings import Settings

_LOG = logging.getLogger(__name__)
_KEY_FILE = "master.key"
_NONCE_BYTES = 12
_ID_BYTES = 6
_MAGIC = b"BFK1"
_HEAD_BYTES = len(_MAGIC) + _ID_BYTES + _NONCE_BYTES


class MasterKeyError(ValueError):
    """A master key can't be used, or is not the one that wrapped a data key."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """One key. `id` tells keys apart and nothing about them."""

    key: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that name the key."""
        digest = hashlib.sha256(b"bonafide master key\0" + self.key)
        return digest.digest()[:_ID_BYTES].hex()


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The master keys of a deployment, the one in force first."""

    keys: tuple[MasterKey, ...]

    @property
    def current(self) -> MasterKey:
        """The key that wraps."""
        return self.keys[0]

    def wrap(self, data_key: bytes, session_id: str) -> bytes:
        """Return `data_key` encrypted for one session, with the id of the master key in front."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = _MAGIC + bytes.fromhex(self.current.id) + nonce
        return head + AESGCM(self.current.key).encrypt(nonce, data_key, _bound(head, session_id))

    def unwrap(self, wrapped: bytes, session_id: str) -> bytes:
        """Return the data key.

        Raises
        ------
        MasterKeyError
            When no key of the ring, or none for this session, opens it.
        """
        head, cipher = wrapped[:_HEAD_BYTES], wrapped[_HEAD_BYTES:]
        key_id = master_key_id(wrapped)
        for one in self.keys:
            if one.id == key_id:
                try:
                    plain = AESGCM(one.key).decrypt(
                        head[-_NONCE_BYTES:], cipher, _bound(head, session_id)
                    )
                except InvalidTag:
                    break
                return plain
        msg = (
            f"a data key does not open with the master keys at hand (it names {key_id}); "
            "give that key in BONAFIDE_MASTER_KEY_PREVIOUS, or put master.key back"
        )
        raise MasterKeyError(msg)


def master_key_id(wrapped: bytes) -> str:
    """Return which master key wrapped this."""
    return wrapped[len(_MAGIC) : len(_MAGIC) + _ID_BYTES].hex()


def key_file_of(settings: Settings) -> Path:
    """Return where the master keys lie when the environment does not hold them."""
    return settings.data_dir / _KEY_FILE


def load_key_ring(settings: Settings) -> KeyRing:
    """Return the master keys of this deployment, making one on first use.

    Raises
    ------
    MasterKeyError
        When a configured or stored key is not 32 bytes in base64.
    """
    if settings.master_key is not None:
        texts = [settings.master_key.get_secret_value()]
        if settings.master_key_previous is not None:
            texts += settings.master_key_previous.get_secret_value().split(",")
        return _ring(texts, f"BONAFIDE_MASTER_KEY must be 32 bytes in base64; {HOW_TO_MAKE}")
    path = key_file_of(settings)
    if make_once(path):
        _LOG.warning(
            "made a master key for media in the data folder: whoever copies the folder can read "
            "the media; in production set BONAFIDE_MASTER_KEY and remove master.key"
        )
    message = f"{path} is damaged; put it back from a backup: without it no media can be read"
    return _ring(path.read_text(encoding="ascii").splitlines(), message)


def _ring(texts: Sequence[str], message: str) -> KeyRing:
    keys = [decoded(text) for text in texts]
    whole = tuple(MasterKey(key) for key in keys if key is not None)
    if not whole or len(whole) < len(keys):
        raise MasterKeyError(message)
    return KeyRing(whole)


def _bound(head: bytes, session_id: str) -> bytes:
    return head + session_id.encode()
