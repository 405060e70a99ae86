"""Voiceprints at rest: AES-256-GCM, bound to the person whose voice it is.

One key for the deployment, from BONAFIDE_VOICEPRINT_KEY or a file that is made once. Whoever has
the data folder with that file can read the voiceprints: set the variable in production.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.settings import Settings

_LOG = logging.getLogger(__name__)
_KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_FILE = "voiceprint.key"
_HOW = (
    'make one with: python -c "import base64,os;print(base64.b64encode(os.urandom(32)).decode())"'
)


class VoiceprintKeyError(ValueError):
    """The key can't be used, or is not the one that sealed a voiceprint."""


@dataclass(frozen=True, slots=True)
class VoiceprintCipher:
    """Seals and opens. `key_id` tells keys apart and nothing about them."""

    key: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """Twelve hexadecimal digits that name the key."""
        return hashlib.sha256(b"bonafide voiceprint key\0" + self.key).hexdigest()[:12]

    def seal(self, plain: bytes, owner: str) -> bytes:
        """Return nonce and ciphertext; only the same owner opens it again."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, plain, owner.encode())

    def open(self, sealed: bytes, owner: str) -> bytes:
        """Return what was sealed.

        Raises
        ------
        VoiceprintKeyError
            When the key, the owner or a byte is another one.
        """
        nonce, cipher = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return AESGCM(self.key).decrypt(nonce, cipher, owner.encode())
        except InvalidTag:
            msg = "a voiceprint does not open with this key; set BONAFIDE_VOICEPRINT_KEY back"
            raise VoiceprintKeyError(msg) from None


def load_cipher(settings: Settings) -> VoiceprintCipher:
    """Return the cipher of this deployment, making its key on first use.

    Raises
    ------
    VoiceprintKeyError
        When the configured or stored key is not 32 bytes in base64.
    """
    if settings.voiceprint_key is not None:
        key = _decoded(settings.voiceprint_key.get_secret_value())
        if key is None:
            msg = f"BONAFIDE_VOICEPRINT_KEY must be 32 bytes in base64; {_HOW}"
            raise VoiceprintKeyError(msg)
        return VoiceprintCipher(key)
    path = settings.data_dir / _KEY_FILE
    if _make_once(path):
        _LOG.warning(
            "made a key for voiceprints in the data folder; to keep it apart from what it "
            "encrypts, move the content of voiceprint.key to BONAFIDE_VOICEPRINT_KEY"
        )
    key = _decoded(path.read_bytes())
    if key is None:
        msg = (
            f"{path} is damaged; put it back from a backup, or remove it and enrol everybody again"
        )
        raise VoiceprintKeyError(msg)
    return VoiceprintCipher(key)


def _decoded(text: str | bytes) -> bytes | None:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        return None
    return key if len(key) == _KEY_BYTES else None


def _make_once(path: Path) -> bool:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)))
        file.flush()
        os.fsync(descriptor)
    return True
