"""End a voice request without a result, with the event that says so."""

from __future__ import annotations

from sqlmodel import Session

from service.clock import now_ms
from service.events import add_voice_event, voice_event
from service.voice.tables import VoiceRequestRow, VoiceState


def fail_request(db: Session, row: VoiceRequestRow, reason: str, actor: str) -> None:
    """Mark a request as failed; one that has ended stays as it is."""
    if row.state != VoiceState.PROCESSING:
        return
    row.state, row.failure_reason, row.finished_at = VoiceState.FAILED, reason, now_ms()
    row.file = None
    db.add(row)
    add_voice_event(
        db,
        row.organization_id,
        row.id,
        voice_event(row.kind, failed=True),
        actor,
        external_id=row.external_id,
        failure_reason=reason,
    )
