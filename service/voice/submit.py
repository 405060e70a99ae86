"""Take an enrolment or a verification: once for each request_uuid, and only where voice is open."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from layers.capture.types import Capture
from service.errors import ConflictError, NotFoundError
from service.idempotency import Once, once
from service.keys import Caller
from service.tables import new_id
from service.voice.desk import VoiceDesk
from service.voice.history import check_open
from service.voice.listening import decode, forget_sound, in_time, keep_sound, minimum_speech_s
from service.voice.requests import EnrollVoice, VerifyVoice
from service.voice.tables import VoiceKind, VoiceprintRow, VoiceRequestRow
from service.voice.work import start


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that is kept; `replayed` when an earlier one of the same uuid is."""

    request_id: str
    replayed: bool


async def submit_voice(
    desk: VoiceDesk, caller: Caller, asked: EnrollVoice, idempotency_key: str | None = None
) -> Accepted:
    """Check and keep a request, and start it.

    Raises
    ------
    ApiError
        When the recording can't be judged, nobody is enrolled, voice is closed, or the uuid was
        used for something else.
    """
    row = _row(caller, asked)
    asked_for = f"{row.request_uuid}\0{row.request_sha256}"
    repeatable = once(desk.context, caller, idempotency_key, f"voice.{row.kind}", asked_for)
    replayed = await asyncio.to_thread(_check, desk, row, repeatable)
    if replayed is not None:
        return Accepted(replayed, replayed=True)
    settings = desk.context.settings
    with desk.place():
        try:
            capture = await in_time(desk, _take(desk, row, asked.voice_data))
            replayed = await asyncio.to_thread(_insert, desk, row, repeatable)
        except BaseException:
            await asyncio.to_thread(forget_sound, settings, row.id)
            raise
        if replayed is not None:
            await asyncio.to_thread(forget_sound, settings, row.id)
            return Accepted(replayed, replayed=True)
    start(desk, row.id, capture)
    return Accepted(row.id, replayed=False)


async def _take(desk: VoiceDesk, row: VoiceRequestRow, content: bytes) -> Capture:
    path: Path = await asyncio.to_thread(
        keep_sound, desk.context.settings, row.id, "voice_data", content
    )
    row.file = path.name
    return await decode(desk, path, minimum_speech_s(desk, "audio"))


def _row(caller: Caller, asked: EnrollVoice) -> VoiceRequestRow:
    use_case = asked.use_case if isinstance(asked, VerifyVoice) else None
    sound = hashlib.sha256(asked.voice_data).hexdigest()
    digest = hashlib.sha256(f"{asked.external_id}\0{use_case}\0{sound}".encode())
    return VoiceRequestRow(
        id=new_id(),
        organization_id=caller.organization_id,
        kind=VoiceKind.ENROLLMENT if use_case is None else VoiceKind.VERIFICATION,
        request_uuid=str(asked.request_uuid),
        external_id=asked.external_id,
        use_case=use_case,
        actor=f"key:{caller.key_id}",
        request_sha256=digest.hexdigest(),
    )


def _insert(desk: VoiceDesk, row: VoiceRequestRow, repeatable: Once | None) -> str | None:
    try:
        with desk.context.database.write() as db:
            earlier = repeatable.earlier(db) if repeatable else None
            if earlier is not None:
                return str(earlier.body["request_id"])
            replayed = _admitted(db, desk, row)
            if replayed is None:
                db.add(row)
                if repeatable is not None:
                    repeatable.keep(db, {"request_id": row.id}, row.id)
            return replayed
    except IntegrityError:
        # On an engine without one writer at a time the same uuid can arrive twice at once.
        with desk.context.database.read() as db:
            return _admitted(db, desk, row)


def _check(desk: VoiceDesk, row: VoiceRequestRow, repeatable: Once | None) -> str | None:
    with desk.context.database.read() as db:
        earlier = repeatable.earlier(db, writes=False) if repeatable else None
        if earlier is not None:
            return str(earlier.body["request_id"])
        return _admitted(db, desk, row)


def _admitted(db: Session, desk: VoiceDesk, row: VoiceRequestRow) -> str | None:
    """Return the id of an earlier request of this uuid; None when this one may go on."""
    earlier = db.exec(
        select(VoiceRequestRow).where(
            VoiceRequestRow.organization_id == row.organization_id,
            VoiceRequestRow.kind == row.kind,
            VoiceRequestRow.request_uuid == row.request_uuid,
        )
    ).first()
    if earlier is not None:
        if earlier.request_sha256 != row.request_sha256:
            message = "this request_uuid was used for a different request; use a new one"
            raise ConflictError(message, "REQUEST_UUID_REUSED")
        return earlier.id
    if row.kind == VoiceKind.VERIFICATION:
        if db.get(VoiceprintRow, (row.organization_id, row.external_id)) is None:
            message = "nobody of that external_id is enrolled; enrol first"
            raise NotFoundError(message, "VOICEPRINT_NOT_FOUND")
        check_open(db, desk.context.policy, row)
    return None
