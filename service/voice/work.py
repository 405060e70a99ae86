"""Run one enrolment or verification in the background, and record how it ended with its event."""

from __future__ import annotations

import asyncio
import logging

from sqlmodel import select

from layers.capture.types import Capture
from layers.voice.speaker.reading import VoiceReading
from service.clock import now_ms
from service.errors import ApiError
from service.events import add_voice_event, voice_event
from service.voice.cipher import VoiceprintKeyError
from service.voice.desk import VoiceDesk
from service.voice.listening import (
    decode,
    folder_of,
    forget_sound,
    in_time,
    minimum_speech_s,
    read,
    sweep_sounds,
)
from service.voice.record import record_reading
from service.voice.tables import VoiceRequestRow, VoiceState
from service.voice.voiceprints import OutdatedVoiceprintError

_LOG = logging.getLogger(__name__)
_UNTIL_READY_S = 0.2


def start(desk: VoiceDesk, request_id: str, capture: Capture | None = None) -> None:
    """Begin a request that is kept; `capture` saves decoding it again."""
    task = asyncio.get_running_loop().create_task(_run(desk, request_id, capture))
    desk.tasks[request_id] = task
    task.add_done_callback(lambda _: desk.tasks.pop(request_id, None))


async def resume(desk: VoiceDesk) -> None:
    """Take up what was under way when the last process ended, once the models are loaded."""
    waiting = await asyncio.to_thread(_processing, desk)
    await asyncio.to_thread(sweep_sounds, desk.context.settings, frozenset(waiting))
    if waiting:
        _LOG.warning("taking up interrupted voice requests", extra={"count": len(waiting)})
    while waiting and not desk.is_listening:
        await asyncio.sleep(_UNTIL_READY_S)
    for request_id in waiting:
        start(desk, request_id)


async def wait_for(desk: VoiceDesk, request_id: str, seconds: float) -> None:
    """Return when a request has ended, or after `seconds`; it runs on in either case."""
    task = desk.tasks.get(request_id)
    if task is not None:
        await asyncio.wait([task], timeout=seconds)


def _processing(desk: VoiceDesk) -> list[str]:
    with desk.context.database.read() as db:
        query = select(VoiceRequestRow.id).where(VoiceRequestRow.state == VoiceState.PROCESSING)
        return list(db.exec(query).all())


async def _run(desk: VoiceDesk, request_id: str, capture: Capture | None) -> None:
    settings = desk.context.settings
    try:
        reading = await in_time(desk, _reading(desk, request_id, capture))
        await asyncio.to_thread(record_reading, desk, request_id, reading)
    except Exception as error:
        reason = _reason_of(error)
        # The type only: a message could hold something of the recording.
        extra = {"voice_request_id": request_id, "reason": reason, "error": type(error).__name__}
        _LOG.error("voice request failed", extra=extra)
        await asyncio.to_thread(_record_failure, desk, request_id, reason)
    await asyncio.to_thread(forget_sound, settings, request_id)


async def _reading(desk: VoiceDesk, request_id: str, capture: Capture | None) -> VoiceReading:
    if capture is None:
        with desk.context.database.read() as db:
            row = db.get_one(VoiceRequestRow, request_id)
        path = folder_of(desk.context.settings, request_id) / (row.file or "")
        capture = await decode(desk, path, minimum_speech_s(desk, "audio"))
    return await read(desk, capture)


def _record_failure(desk: VoiceDesk, request_id: str, reason: str) -> None:
    with desk.context.database.write() as db:
        row = db.get_one(VoiceRequestRow, request_id)
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
            "engine",
            external_id=row.external_id,
            failure_reason=reason,
        )


def _reason_of(error: Exception) -> str:
    if isinstance(error, ApiError):
        return error.code.lower()
    if isinstance(error, OutdatedVoiceprintError):
        return "voiceprint_outdated"
    if isinstance(error, VoiceprintKeyError):
        return "voiceprint_key_wrong"
    return "analysis_crashed"
