"""Requests that may come twice: the first answer is kept for a day and given again.

Answers hold secrets that are shown once, and links. So what is kept is sealed with a key made from
the service's secret and the Idempotency-Key, of which only a digest is kept: the database does not
open it, and with the service's secret only who also knows or guesses the client's key can. Order
numbers can be guessed, random UUIDs can't.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from sqlmodel import Session, col, delete

from service.clock import now_ms
from service.context import Context
from service.database import hold_name
from service.errors import ConflictError
from service.keys import Caller
from service.tables import IdempotentAnswer
from service.voice.cipher import VoiceprintCipher, VoiceprintKeyError

WireObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer; `replayed` when an earlier request had got it."""

    body: WireObject
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Once:
    """A request with its Idempotency-Key. Keys of different tenants are different keys."""

    organization_id: str
    key_sha256: str
    request_sha256: str
    ttl_ms: int
    cipher: VoiceprintCipher = field(repr=False)

    def earlier(self, db: Session, *, writes: bool = True) -> Answered | None:
        """Return what the same request was answered before; None when it is the first.

        In a transaction that writes, a second one that comes at the same time waits here.

        Raises
        ------
        ConflictError
            When the key was used for a different request.
        """
        if writes:
            hold_name(db, f"idempotency key {self.key_sha256} of {self.organization_id}")
        row = db.get(IdempotentAnswer, (self.organization_id, self.key_sha256))
        if row is None or now_ms() - row.created_at > self.ttl_ms:
            if row is not None and writes:
                db.delete(row)
                db.flush()
            return None
        if not hmac.compare_digest(row.request_sha256, self.request_sha256):
            message = "this Idempotency-Key was used for a different request; use a new key"
            raise ConflictError(message, "IDEMPOTENCY_KEY_REUSED")
        try:
            body: WireObject = json.loads(self.cipher.open(row.sealed, self._owner))
        except VoiceprintKeyError:
            message = "the service's secret was changed since; use a new Idempotency-Key"
            raise ConflictError(message, "IDEMPOTENCY_KEY_REUSED") from None
        return Answered(body, replayed=True)

    def keep(self, db: Session, body: WireObject, subject_id: str) -> None:
        """Keep the answer in the transaction that makes `subject_id`, and until that is erased."""
        plain = json.dumps(body).encode()
        db.add(
            IdempotentAnswer(
                organization_id=self.organization_id,
                key_sha256=self.key_sha256,
                request_sha256=self.request_sha256,
                sealed=self.cipher.seal(plain, self._owner),
                subject_id=subject_id,
            )
        )

    @property
    def _owner(self) -> str:
        return f"idempotent answer\0{self.organization_id}\0{self.request_sha256}"


def once(
    context: Context,
    caller: Caller,
    key: str | None,
    operation: str,
    asked: BaseModel | str,
    *,
    holds_secret: bool = False,
) -> Once | None:
    """Return the request that may come again; None when it has no Idempotency-Key.

    Parameters
    ----------
    operation
        What is asked for: the same key for something else is a conflict.
    asked
        The body as it was understood, so that its spelling does not matter.
    holds_secret
        Whether the answer shows a secret once: then it is for the API key that asked, and for no
        other of the tenant, which may be allowed less.
    """
    if key is None:
        return None
    text = asked if isinstance(asked, str) else asked.model_dump_json()
    if holds_secret:
        text = f"{text}\0{caller.key_id}"
    own = f"{caller.organization_id}\0{key}"
    signer = context.signer
    return Once(
        caller.organization_id,
        signer.digest("idempotency key", own).hex(),
        signer.digest("idempotent request", f"{operation}\0{text}").hex(),
        round(1000 * context.settings.idempotency_ttl_s),
        VoiceprintCipher(signer.digest("idempotent answer", own)),
    )


def forget_answers(context: Context) -> int:
    """Remove the answers that have run out; return how many."""
    oldest = now_ms() - round(1000 * context.settings.idempotency_ttl_s)
    with context.database.write() as db:
        result = db.exec(delete(IdempotentAnswer).where(col(IdempotentAnswer.created_at) < oldest))
        return result.rowcount
