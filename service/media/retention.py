"""What is kept for how long, by kind of data; a workflow may ask for other periods.

Each pass takes a page of what is over its time, so call it until it returns 0.
"""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import ColumnElement, String, cast
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, delete, exists, func, or_, select, update

from service.audit.log import note
from service.context import Context
from service.media.erasure import Request, erase
from service.media.rows import delete_deliveries
from service.media.store import MediaStoreError
from service.media.tables import MediaKeyRow, PendingMediaRow
from service.tables import Attempt, AttemptState, CaptureRow, SessionRow, VerdictRow, Workflow
from service.voice.tables import VoiceEventRow, VoiceRequestRow, VoiceState

_LOG = logging.getLogger(__name__)
_PAGE = 100
_ACTOR = "retention"
_NOTHING = "{}"
_UNDER_WAY = (AttemptState.QUEUED, AttemptState.RUNNING)


def enforce_retention(context: Context, now_ms: int) -> int:
    """Erase a page of what is over its time at `now_ms`; return how much there was."""
    count = (
        _erase_sessions(context, now_ms)
        + _erase_media(context, now_ms)
        + _empty_evidence(context, now_ms)
        + _forget_voice_requests(context, now_ms)
    )
    if count:
        _LOG.info("retention", extra={"count": count})
    return count


def _erase_sessions(context: Context, now_ms: int) -> int:
    over = _over(col(SessionRow.updated_at), _of("session", context), now_ms)
    query = (
        select(SessionRow.id)
        .join(Workflow, col(Workflow.id) == col(SessionRow.workflow_id))
        .where(over, ~_is_under_way(col(SessionRow.id)))
        .limit(_PAGE)
    )
    with context.database.read() as db:
        ids = db.exec(query).all()
    request = Request(_ACTOR, reason="retention", with_voice=False)
    return sum(erase(context, session_id, request) for session_id in ids)


def _erase_media(context: Context, now_ms: int) -> int:
    over = _over(col(CaptureRow.received_at), _of("media", context), now_ms)
    query = (
        select(CaptureRow.id)
        .join(SessionRow, col(SessionRow.id) == col(CaptureRow.session_id))
        .join(Workflow, col(Workflow.id) == col(SessionRow.workflow_id))
        .where(
            over,
            cast(CaptureRow.files, String) != "[]",
            ~_is_under_way(col(CaptureRow.session_id)),
        )
        .limit(_PAGE)
    )
    with context.database.read() as db:
        ids = db.exec(query).all()
    return sum(_erase_capture(context, capture_id) for capture_id in ids)


def _erase_capture(context: Context, capture_id: str) -> bool:
    """Let go of the media of one capture, and of the session's data key with the last of them."""
    with context.database.write() as db:
        seen = db.get(CaptureRow, capture_id)
        if seen is None or db.get(SessionRow, seen.session_id, with_for_update=True) is None:
            return False
        capture = db.get_one(CaptureRow, capture_id, populate_existing=True)
        session = db.get_one(SessionRow, capture.session_id)
        if not capture.files:
            return False
        capture.files = []
        db.add(capture)
        db.add(PendingMediaRow(prefix=capture.folder))
        db.flush()
        if not _has_media(db, session.id):
            db.exec(delete(MediaKeyRow).where(col(MediaKeyRow.session_id) == session.id))
        note(db, session.organization_id, "media.erased", _ACTOR, session.id, capture=capture_id)
    context.analyser.forget(capture_id)
    try:
        context.media.abandon(context.database, capture.folder)
    except MediaStoreError as error:
        # The note of it stays, and the sweep finds it.
        _LOG.error("media not deleted yet", extra={"error": type(error).__name__})
    return True


def _has_media(db: Session, session_id: str) -> bool:
    query = select(CaptureRow.id).where(
        CaptureRow.session_id == session_id, cast(CaptureRow.files, String) != "[]"
    )
    return db.exec(query).first() is not None


def _empty_evidence(context: Context, now_ms: int) -> int:
    over = _over(col(VerdictRow.created_at), _of("evidence", context), now_ms)
    ids = (
        select(VerdictRow.id)
        .join(SessionRow, col(SessionRow.id) == col(VerdictRow.session_id))
        .join(Workflow, col(Workflow.id) == col(SessionRow.workflow_id))
        .where(over, cast(VerdictRow.evidence, String) != _NOTHING)
        .limit(_PAGE)
    )
    with context.database.write() as db:
        found = db.exec(ids).all()
        if found:
            db.exec(update(VerdictRow).where(col(VerdictRow.id).in_(found)).values(evidence={}))
    return len(found)


def _forget_voice_requests(context: Context, now_ms: int) -> int:
    """Delete voice requests and comparisons with what was told of them; voiceprints stay."""
    oldest = now_ms - round(1000 * context.settings.voice_retention_s)
    under_way = exists().where(
        col(VoiceRequestRow.id) == col(VoiceEventRow.subject_id),
        col(VoiceRequestRow.state) == VoiceState.PROCESSING,
    )
    old_requests = select(VoiceRequestRow.id).where(
        col(VoiceRequestRow.finished_at) < oldest, VoiceRequestRow.state != VoiceState.PROCESSING
    )
    with context.database.write() as db:
        requests = db.exec(old_requests.limit(_PAGE)).all()
        events = db.exec(
            select(VoiceEventRow.id)
            .where(
                or_(
                    col(VoiceEventRow.subject_id).in_(requests),
                    (col(VoiceEventRow.created_at) < oldest) & ~under_way,
                )
            )
            .limit(_PAGE * 4)
        ).all()
        delete_deliveries(db, events, requests)
        db.exec(delete(VoiceEventRow).where(col(VoiceEventRow.id).in_(events)))
        db.exec(delete(VoiceRequestRow).where(col(VoiceRequestRow.id).in_(requests)))
    return len(requests) + len(events)


def _of(kind: str, context: Context) -> ColumnElement[Any]:
    """Return the period of a kind, in seconds: the workflow's, or else the deployment's."""
    own = {
        "session": (Workflow.session_retention_s, context.settings.session_retention_s),
        "media": (Workflow.media_retention_s, context.settings.media_retention_s),
        "evidence": (Workflow.evidence_retention_s, context.settings.evidence_retention_s),
    }
    of_workflow, of_deployment = own[kind]
    return func.coalesce(of_workflow, round(of_deployment))


def _over(at: Mapped[int], period_s: ColumnElement[Any], now_ms: int) -> ColumnElement[bool]:
    return at < now_ms - 1000 * period_s


def _is_under_way(session_id: Mapped[str]) -> ColumnElement[bool]:
    return exists().where(col(Attempt.session_id) == session_id, col(Attempt.state).in_(_UNDER_WAY))
