"""Keep, open and erase voiceprints; outside the layers' children they are only compared."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from sqlmodel import Session, func, select

from layers.voice.speaker.similarity import match
from layers.voice.speaker.voiceprint import Voiceprint
from service.database import Database, hold_name
from service.events import VOICE_ERASED, add_voice_event
from service.keys import Caller
from service.voice.cipher import VoiceprintCipher
from service.voice.failure import fail_request
from service.voice.tables import VoiceKind, VoiceprintRow, VoiceRequestRow, VoiceState
from verdict.policy import Policy

_LOG = logging.getLogger(__name__)
_FLOAT = np.dtype("<f4")


class OutdatedVoiceprintError(ValueError):
    """The voiceprint was made by another encoder than the one in force; enrol again."""


def save_voiceprint(
    db: Session, cipher: VoiceprintCipher, organization_id: str, external_id: str, made: Voiceprint
) -> VoiceprintRow:
    """Write a voiceprint in place of an earlier one of the same person."""
    hold_name(db, f"voiceprint of {organization_id} {external_id}")
    earlier = db.get(VoiceprintRow, (organization_id, external_id))
    if earlier is not None:
        db.delete(earlier)
        db.flush()
    plain = made.embedding.astype(_FLOAT).tobytes()
    row = VoiceprintRow(
        organization_id=organization_id,
        external_id=external_id,
        sealed=cipher.seal(plain, _owner(organization_id, external_id)),
        key_id=cipher.key_id,
        encoder=made.encoder,
        encoder_digest=made.digest,
        stretches=made.stretches,
        consistency=made.consistency,
        quality=made.quality,
    )
    db.add(row)
    return row


def compare_with(
    row: VoiceprintRow, cipher: VoiceprintCipher, other: Voiceprint, policy: Policy
) -> tuple[float, float]:
    """Return the levelled cosine and the similarity of a kept voiceprint and a fresh one.

    Raises
    ------
    OutdatedVoiceprintError
        When they come from different encoders.
    service.voice.cipher.VoiceprintKeyError
        When the kept one does not open.
    """
    if row.encoder_digest != other.digest:
        msg = "the voiceprint was made by another encoder; enrol this person again"
        raise OutdatedVoiceprintError(msg)
    plain = cipher.open(row.sealed, _owner(row.organization_id, row.external_id))
    embedding = np.frombuffer(plain, dtype=_FLOAT).astype(np.float32)
    kept = Voiceprint(
        embedding, row.encoder, row.encoder_digest, row.stretches, row.consistency, row.quality
    )
    return match(kept, other, policy)


def erase_voiceprint(database: Database, caller: Caller, external_id: str) -> bool:
    """Erase a voiceprint, from the database's files too, and end enrolments under way.

    False when there is neither.
    """
    actor = f"key:{caller.key_id}"
    with database.write() as db:
        hold_name(db, f"voiceprint of {caller.organization_id} {external_id}")
        row = db.get(VoiceprintRow, (caller.organization_id, external_id))
        enrolling = _enrolling(db, caller.organization_id, external_id)
        for request in enrolling:
            fail_request(db, request, "erased", actor)
        if row is None:
            return bool(enrolling)
        db.delete(row)
        add_voice_event(
            db, caller.organization_id, row.id, VOICE_ERASED, actor, external_id=external_id
        )
    if not database.flush_log():
        _LOG.warning(
            "a voiceprint is erased, but readers kept SQLite's log from being emptied: "
            "the encrypted bytes stay in it until the next checkpoint"
        )
    return True


def warn_of_other_keys(database: Database, cipher: VoiceprintCipher) -> None:
    """Log how many voiceprints the key in force can't open: a changed key is noticed at once."""
    query = select(func.count()).where(VoiceprintRow.key_id != cipher.key_id)
    with database.read() as db:
        count = db.exec(query).one()
    if count:
        _LOG.error(
            "voiceprints are sealed with another key: set BONAFIDE_VOICEPRINT_KEY back, "
            "or enrol these people again",
            extra={"count": count},
        )


def _enrolling(db: Session, organization_id: str, external_id: str) -> Sequence[VoiceRequestRow]:
    query = select(VoiceRequestRow).where(
        VoiceRequestRow.organization_id == organization_id,
        VoiceRequestRow.external_id == external_id,
        VoiceRequestRow.kind == VoiceKind.ENROLLMENT,
        VoiceRequestRow.state == VoiceState.PROCESSING,
    )
    return db.exec(query.with_for_update()).all()


def _owner(organization_id: str, external_id: str) -> str:
    return f"{organization_id}\0{external_id}"
