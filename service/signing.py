"""Capture tokens and media links: derived from one secret, so neither is kept in the database."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from service.settings import Settings

_SECRET_FILE = "secret.key"  # noqa: S105  # nosec B105  (a file name)
_SECRET_BYTES = 32
_MIN_SECRET_CHARS = 32


class SecretError(ValueError):
    """The signing secret can't be used."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Derives tokens and signatures. Each purpose has its own key."""

    secret: bytes

    def capture_token(self, attempt_id: str, link_number: int) -> str:
        """Return the token of a session link; a new link number gives a new token."""
        return self._derive("capture", f"{attempt_id}:{link_number}")

    def media_signature(self, capture_id: str, name: str, expires_s: int, holder: str) -> str:
        """Return the signature of one media link, which was given to `holder`."""
        return self._derive("media", f"{capture_id}:{name}:{expires_s}:{holder}")

    def media_signature_is_valid(
        self, capture_id: str, name: str, expires_s: int, holder: str, signature: str
    ) -> bool:
        """Compare in constant time."""
        own = self.media_signature(capture_id, name, expires_s, holder)
        return hmac.compare_digest(own.encode(), signature.encode())

    def bucket(self, what: str, who: str) -> str:
        """Return a name for what is counted together, which tells nobody who it is."""
        return f"{what}:{self._derive('bucket', f'{what}:{who}')}"

    def digest(self, purpose: str, text: str) -> bytes:
        """Return 32 bytes that only this service can make from `text`, for one purpose."""
        return hmac.digest(
            hmac.digest(self.secret, purpose.encode(), "sha256"), text.encode(), "sha256"
        )

    def _derive(self, purpose: str, text: str) -> str:
        return base64.urlsafe_b64encode(self.digest(purpose, text)).rstrip(b"=").decode()


def token_digest(token: str) -> str:
    """Return the SHA-256 under which a token or key is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def load_signer(settings: Settings) -> Signer:
    """Return the signer of this deployment, making its secret on first use.

    Raises
    ------
    SecretError
        When the configured or stored secret is too short.
    """
    if settings.secret_key is not None:
        text = settings.secret_key.get_secret_value()
        if len(text) < _MIN_SECRET_CHARS:
            msg = f"BONAFIDE_SECRET_KEY needs at least {_MIN_SECRET_CHARS} random characters"
            raise SecretError(msg)
        return Signer(text.encode())
    return Signer(_stored_secret(settings.data_dir / _SECRET_FILE))


def _stored_secret(path: Path) -> bytes:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        secret = path.read_bytes()
    else:
        secret = secrets.token_bytes(_SECRET_BYTES)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(descriptor)
    if len(secret) < _SECRET_BYTES:
        msg = f"{path} is damaged; put it back from a backup, or remove it to void every open link"
        raise SecretError(msg)
    return secret
