"""Voiceprints at rest: AES-256-GCM, bound to the person whose voice it is.

One key for the deployment, from BONAFIDE_VOICEPRINT_KEY or a file that is made once. Whoever has
the data folder with that file can read the voiceprints: set the variable in production.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.media.key_file import HOW_TO_MAKE, decoded, make_once
from service.settings import Settings

_LOG = logging.getLogger(__name__)
_NONCE_BYTES = 12
_KEY_FILE = "voiceprint.key"


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
        key = decoded(settings.voiceprint_key.get_secret_value())
        if key is None:
            msg = f"BONAFIDE_VOICEPRINT_KEY must be 32 bytes in base64; {HOW_TO_MAKE}"
            raise VoiceprintKeyError(msg)
        return VoiceprintCipher(key)
    path = settings.data_dir / _KEY_FILE
    if make_once(path):
        _LOG.warning(
            "made a key for voiceprints in the data folder; to keep it apart from what it "
            "encrypts, move the content of voiceprint.key to BONAFIDE_VOICEPRINT_KEY"
        )
    key = decoded(path.read_bytes())
    if key is None:
        msg = (
            f"{path} is damaged; put it back from a backup, or remove it and enrol everybody again"
        )
        raise VoiceprintKeyError(msg)
    return VoiceprintCipher(key)
