"""Run one enrolment or verification in the background, and record how it ended with its event."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from sqlmodel import select

from layers.capture.types import Capture
from layers.voice.speaker.reading import VoiceReading
from service.errors import ApiError
from service.voice.cipher import VoiceprintKeyError
from service.voice.desk import VoiceDesk
from service.voice.failure import fail_request
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


def interrupted(desk: VoiceDesk) -> list[str]:
    """Return what was under way when the last process ended, and remove other recordings.

    To be called before the first request is taken: what a fresh one keeps is not known here.
    """
    with desk.context.database.read() as db:
        query = select(VoiceRequestRow.id).where(VoiceRequestRow.state == VoiceState.PROCESSING)
        waiting = list(db.exec(query).all())
    sweep_sounds(desk.context.settings, frozenset(waiting))
    return waiting


async def resume(desk: VoiceDesk, waiting: Sequence[str]) -> None:
    """Take up interrupted requests, once the models are loaded."""
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
        row = db.get(VoiceRequestRow, request_id, with_for_update=True)
        if row is not None:  # erased while it was under way
            fail_request(db, row, reason, "engine")


def _reason_of(error: Exception) -> str:
    if isinstance(error, ApiError):
        return error.code.lower()
    if isinstance(error, OutdatedVoiceprintError):
        return "voiceprint_outdated"
    if isinstance(error, VoiceprintKeyError):
        return "voiceprint_key_wrong"
    return "analysis_crashed"
