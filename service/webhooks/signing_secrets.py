"""The secrets of an endpoint: encrypted at rest, several for a while after a rotation.

They are sealed with the deployment's key for data at rest (BONAFIDE_VOICEPRINT_KEY or its file),
bound to the endpoint: a secret that is moved to another row does not open.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from sqlmodel import Session, col, delete, or_, select

from service.clock import now_ms
from service.voice.cipher import VoiceprintCipher, VoiceprintKeyError
from service.webhooks.signature import new_secret
from service.webhooks.tables import SecretRow

# Bounds the header: rotating again and again within one overlap ends the oldest at once.
_MOST_LIVE = 5


@dataclass(frozen=True, slots=True)
class SecretBox:
    """Keeps secrets. What it returns in clear is shown once or signs, and is stored nowhere."""

    cipher: VoiceprintCipher

    def add(self, db: Session, endpoint_id: str) -> str:
        """Make a secret for an endpoint and return it."""
        secret = new_secret()
        sealed = self.cipher.seal(secret.encode(), _owner(endpoint_id))
        db.add(SecretRow(endpoint_id=endpoint_id, sealed=sealed))
        db.flush()
        return secret

    def rotate(self, db: Session, endpoint_id: str, overlap_s: float) -> str:
        """Make a secret; the earlier ones sign along for `overlap_s` and are then removed."""
        now = now_ms()
        db.exec(
            delete(SecretRow).where(
                col(SecretRow.endpoint_id) == endpoint_id, col(SecretRow.expires_at) <= now
            )
        )
        end = now + round(1000 * overlap_s)
        for index, row in enumerate(live_secrets(db, endpoint_id)):
            if overlap_s <= 0 or index >= _MOST_LIVE - 1:
                db.delete(row)
                continue
            row.expires_at = end if row.expires_at is None else min(row.expires_at, end)
            db.add(row)
        return self.add(db, endpoint_id)

    def open_live(self, db: Session, endpoint_id: str) -> list[str]:
        """Return the secrets that sign now, newest first; none that another key has sealed."""
        opened = []
        for row in live_secrets(db, endpoint_id):
            with suppress(VoiceprintKeyError):
                opened.append(self.cipher.open(row.sealed, _owner(endpoint_id)).decode())
        return opened


def live_secrets(db: Session, endpoint_id: str) -> list[SecretRow]:
    """Return the rows of the secrets that sign now, newest first."""
    expires = col(SecretRow.expires_at)
    query = select(SecretRow).where(
        SecretRow.endpoint_id == endpoint_id, or_(expires.is_(None), expires > now_ms())
    )
    # The one that does not expire is the newest, also within one millisecond.
    newest_first = (expires.is_not(None), col(SecretRow.created_at).desc(), col(SecretRow.id))
    return list(db.exec(query.order_by(*newest_first)).all())


def _owner(endpoint_id: str) -> str:
    return f"webhook secret\0{endpoint_id}"
