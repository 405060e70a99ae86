"""From sent bytes to a reading: kept on disk for the decoder, checked, read, removed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Set
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from layers.capture.errors import DecodeTimeoutError, MediaError
from layers.capture.types import Capture
from layers.voice.speaker.protocol import SpeakerEncoderError
from layers.voice.speaker.reading import VoiceReading, audio_findings
from service.captures.media_type import ACCEPTED, HEAD_BYTES, Part, recognise
from service.captures.storage import sweep_old
from service.errors import (
    AnalysisBusyError,
    FieldError,
    GatewayTimeoutError,
    InvalidMediaError,
    NotReadyError,
    UnsupportedMediaError,
)
from service.settings import Settings
from service.voice.desk import VoiceDesk
from verdict.measurement import QualityFinding

_FOLDER = "voice"
_ENCODER_RETRY_S = 300
_Result = TypeVar("_Result")


def folder_of(settings: Settings, request_id: str) -> Path:
    """Return where the recording of a request lies while it is waited for."""
    return _root(settings) / request_id


def _root(settings: Settings) -> Path:
    return (settings.scratch_dir or settings.data_dir) / _FOLDER


def keep_sound(settings: Settings, request_id: str, field: str, content: bytes) -> Path:
    """Write a recording under our own name.

    Raises
    ------
    UnsupportedMediaError
        When it is not sound of a kind that is taken.
    """
    kind = recognise(content[:HEAD_BYTES])
    if kind is None or kind not in ACCEPTED[Part.AUDIO]:
        accepted = ", ".join(sorted(kind.extension.upper() for kind in ACCEPTED[Part.AUDIO]))
        message = f"{field} must be one of {accepted}; the content is something else"
        raise UnsupportedMediaError(message, fields=[FieldError(field, message)])
    folder = folder_of(settings, request_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{field}.{kind.extension}"
    path.write_bytes(content)
    return path


def forget_sound(settings: Settings, request_id: str) -> None:
    """Remove the recordings of a request."""
    shutil.rmtree(folder_of(settings, request_id), ignore_errors=True)


def sweep_sounds(settings: Settings, known: Set[str]) -> None:
    """Remove recordings that no request waits with: left behind when a process ended."""
    for folder in _root(settings).glob("*"):
        if folder.name not in known:
            shutil.rmtree(folder, ignore_errors=True)


def sweep_old_sounds(settings: Settings, older_than_s: float) -> None:
    """Remove recordings that are too old to be any process's that is alive."""
    sweep_old(_root(settings), older_than_s)


@asynccontextmanager
async def sounds(
    desk: VoiceDesk, request_id: str, contents: dict[str, bytes]
) -> AsyncIterator[list[Path]]:
    """Keep recordings for as long as they are looked at."""
    settings = desk.context.settings
    try:
        yield [
            await asyncio.to_thread(keep_sound, settings, request_id, field, content)
            for field, content in contents.items()
        ]
    finally:
        await asyncio.to_thread(forget_sound, settings, request_id)


async def decode(desk: VoiceDesk, path: Path, minimum_speech_s: float) -> Capture:
    """Decode a recording and refuse what can't be judged.

    Raises
    ------
    InvalidMediaError
        With findings and hints: unreadable, below 16 kHz, or with too little speech.
    AnalysisBusyError
        When the decoder took too long.
    """
    try:
        capture = await desk.ear.decode_voice(path)
    except DecodeTimeoutError:
        raise AnalysisBusyError("too busy to check the recording now; send it again") from None
    except MediaError as error:
        finding = QualityFinding(error.code, None, None, str(error), refuses=True)
        raise InvalidMediaError(f"{path.stem} can't be used; record it again", [finding]) from None
    findings = audio_findings(capture.audio, minimum_speech_s, desk.context.policy)
    if findings:
        message = f"{path.stem} can't be judged; follow the hints and record it again"
        raise InvalidMediaError(message, findings)
    return capture


async def read(desk: VoiceDesk, capture: Capture) -> VoiceReading:
    """Read a decoded recording.

    Raises
    ------
    NotReadyError
        When there is no speaker encoder.
    """
    try:
        return await desk.ear.read_voice(capture, desk.context.policy)
    except SpeakerEncoderError as error:
        raise NotReadyError(str(error), _ENCODER_RETRY_S, "SPEAKER_ENCODER_MISSING") from None


async def in_time(desk: VoiceDesk, work: Awaitable[_Result]) -> _Result:
    """Wait for `work`, and no longer than the deployment allows.

    Raises
    ------
    GatewayTimeoutError
        When it took longer.
    """
    limit_s = desk.context.settings.voice_timeout_s
    try:
        async with asyncio.timeout(limit_s):
            return await work
    except TimeoutError:
        message = f"the analysis took longer than {limit_s:g} s; send shorter recordings, or later"
        raise GatewayTimeoutError(message) from None


def minimum_speech_s(desk: VoiceDesk, entry: str) -> float:
    """Return the least speech that a recording must have."""
    return desk.context.policy.number(f"speaker.{entry}.minimum_speech_s")
