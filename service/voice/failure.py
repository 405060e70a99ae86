"""End a voice request without a result, with the event that says so."""

from __future__ import annotations

from sqlmodel import Session, select

from service.clock import now_ms
from service.database import Database
from service.events import add_voice_event, voice_event
from service.settings import Settings
from service.voice.tables import VoiceRequestRow, VoiceState

# Times the limit of one request.
_ABANDONED_AFTER = 30


def fail_abandoned(database: Database, settings: Settings) -> int:
    """Fail what a process that ended left under way long ago; return how many.

    The embedded service takes up its own at the next start. Where there are several processes
    none can tell whose a request is; one that is far over its time belongs to nobody any more.
    """
    oldest = now_ms() - round(1000 * _ABANDONED_AFTER * settings.voice_timeout_s)
    query = (
        select(VoiceRequestRow)
        .where(VoiceRequestRow.state == VoiceState.PROCESSING, VoiceRequestRow.created_at < oldest)
        .with_for_update(skip_locked=True)
    )
    with database.write() as db:
        rows = db.exec(query).all()
        for row in rows:
            fail_request(db, row, "process_died", "engine")
    return len(rows)


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
