"""Sign a message by the Standard Webhooks specification: HMAC-SHA256 over `id.timestamp.body`.

References
----------
Standard Webhooks 1.0.0, "Webhook Headers" and "Signature scheme": a secret is ``whsec_`` and
24-64 random bytes in base64; during a rotation one message carries several signatures.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Sequence

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    """Return a fresh secret, ``whsec_…``."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(
    keys: Sequence[str], message_id: str, timestamp_s: int, body: bytes
) -> dict[str, str]:
    """Return the three headers of the specification.

    Parameters
    ----------
    keys
        The secrets that are valid now, newest first; each gives one signature.
    timestamp_s
        When this try is made, in seconds since 1970; receivers refuse what is minutes old.
    """
    signatures = (_sign(key, message_id, timestamp_s, body) for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signatures),
    }


def _sign(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    text = f"{message_id}.{timestamp_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, text, "sha256")).decode()
