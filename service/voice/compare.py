"""Compare two recordings: whose voice, how synthetic each sounds, and what both together mean."""

from __future__ import annotations

import asyncio
import logging

from layers.voice.speaker.reading import VoiceReading
from layers.voice.speaker.similarity import match
from service.events import DEEPFAKE_DETECTED, POSSIBLE_CLONING, add_voice_event
from service.keys import Caller
from service.tables import new_id
from service.voice.desk import VoiceDesk
from service.voice.listening import decode, in_time, minimum_speech_s, read, sounds
from service.voice.requests import CompareVoices
from service.voice.views import WireObject, confidence_of, models_view, recording_view, risk_of
from verdict.speaker import (
    EXPLANATIONS,
    Interpretation,
    interpret,
    is_synthetic,
    risk_level,
    verdict_on,
)

_LOG = logging.getLogger(__name__)


async def compare_voices(desk: VoiceDesk, caller: Caller, asked: CompareVoices) -> WireObject:
    """Return the comparison; nothing of it is kept but its security event.

    Raises
    ------
    ApiError
        When a recording can't be judged, or it took too long.
    """
    with desk.place():
        comparison_id = new_id()
        contents = {"recording_a": asked.recording_a, "recording_b": asked.recording_b}
        readings = await in_time(desk, _read_both(desk, comparison_id, contents))
    return await asyncio.to_thread(_conclude, desk, caller, comparison_id, readings)


async def _read_both(
    desk: VoiceDesk, comparison_id: str, contents: dict[str, bytes]
) -> tuple[VoiceReading, VoiceReading]:
    least_s = minimum_speech_s(desk, "compare")
    async with sounds(desk, comparison_id, contents) as (path_a, path_b):
        capture_a, capture_b = [await decode(desk, path, least_s) for path in (path_a, path_b)]
        return await read(desk, capture_a), await read(desk, capture_b)


def _conclude(
    desk: VoiceDesk, caller: Caller, comparison_id: str, readings: tuple[VoiceReading, VoiceReading]
) -> WireObject:
    policy = desk.context.policy
    one, other = readings
    score, similarity = match(one.voiceprint, other.voiceprint, policy)
    risks = [risk_of(reading) for reading in readings]
    verdicts = [
        verdict_on(risk_of(reading), confidence_of(reading), policy) for reading in readings
    ]
    meaning = interpret(similarity, risks, policy)
    if any(is_synthetic(risk, policy) for risk in risks):
        _note_attack(desk, caller, comparison_id, meaning, similarity, risks)
    return {
        "comparison_id": comparison_id,
        "similarity_pct": similarity,
        "match_score": round(similarity / 100, 3),
        "cosine": round(score, 4),
        "interpretation": str(meaning),
        "interpretation_text": EXPLANATIONS[meaning],
        "risk_level": risk_level(meaning, verdicts),
        "recording_a": recording_view(one, policy),
        "recording_b": recording_view(other, policy),
        "thresholds": {
            "same_pct": policy.number("speaker.compare.same_pct"),
            "unclear_pct": policy.number("speaker.compare.unclear_pct"),
            "synthetic_pct": policy.number("speaker.synthetic_threshold"),
        },
        "models": models_view(one),
        "policy_version": policy.version,
        "policy_digest": policy.digest,
    }


def _note_attack(
    desk: VoiceDesk,
    caller: Caller,
    comparison_id: str,
    meaning: Interpretation,
    similarity: float,
    risks: list[int],
) -> None:
    cloned = meaning is Interpretation.POSSIBLE_CLONING_ATTACK
    with desk.context.database.write() as db:
        add_voice_event(
            db,
            caller.organization_id,
            comparison_id,
            POSSIBLE_CLONING if cloned else DEEPFAKE_DETECTED,
            f"key:{caller.key_id}",
            reason_code="synthetic_audio_detected",
            similarity_pct=similarity,
            risks=risks,
        )
    extra = {"voice_request_id": comparison_id, "match_score": round(similarity / 100, 3)}
    what = "security: possible cloning attack" if cloned else "security: synthetic audio"
    _LOG.warning(what, extra={**extra, "reason": "synthetic_audio_detected"})
