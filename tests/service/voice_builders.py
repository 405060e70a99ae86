"""Builders for the voice endpoints: recordings that an ear knows, with voices that are vectors."""

from __future__ import annotations

import asyncio
import io
import uuid
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from sqlmodel import select

from layers.capture.assemble import finished
from layers.capture.collect import EvenSample, face_track
from layers.capture.errors import UnreadableMediaError
from layers.capture.limits import CaptureLimits
from layers.capture.speech import energy_db
from layers.capture.types import SAMPLE_RATE_HZ, Audio, Capture, FloatArray, MediaKind, Source
from layers.voice.quality import SpeechQuality
from layers.voice.speaker.protocol import SpeakerEncoderError
from layers.voice.speaker.reading import VoiceReading
from layers.voice.speaker.voiceprint import Voiceprint
from service.context import Context
from service.voice.tables import VoiceEventRow
from tests.builders import voice
from verdict.policy import Policy

DIGEST = "ab" * 32


def wav(seconds: float, rate_hz: int = SAMPLE_RATE_HZ, seed: int = 0) -> bytes:
    """A WAV file of noise: a different one for each seed."""
    noise = np.random.default_rng(seed).integers(-3000, 3000, round(seconds * rate_hz))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(noise.astype("<i2").tobytes())
    return buffer.getvalue()


def voice_vector(match: float) -> FloatArray:
    """A voice whose cosine with ``voice_vector(1.0)`` is `match`."""
    vector = np.zeros(256, np.float32)
    vector[:2] = match, (1 - match**2) ** 0.5
    return vector


@dataclass
class BuilderEar:
    """Knows the recordings that a test has made; everything else is unreadable to it."""

    is_ready: bool = True
    pause_s: float = 0.0
    decode_pause_s: float = 0.0
    error: SpeakerEncoderError | RuntimeError | None = None
    known: dict[bytes, tuple[Capture, VoiceReading]] = field(default_factory=dict)
    reads: int = 0

    def recording(
        self,
        *,
        match: float = 1.0,
        risk: float = 5,
        confidence: float = 90,
        quality: float = 0.9,
        speech_s: float = 4.0,
        rate_hz: int = SAMPLE_RATE_HZ,
        digest: str = DIGEST,
    ) -> bytes:
        """Make a recording that reads so; 3 stretches, so that its cosine is its score."""
        content = wav(0.2, rate_hz, seed=len(self.known))
        samples = np.zeros(round((speech_s + 0.5) * SAMPLE_RATE_HZ), np.float32)
        level, hop_s = energy_db(samples)
        audio = Audio(samples, ((0.2, 0.2 + speech_s),), level, hop_s, original_rate_hz=rate_hz)
        track, kept = face_track(np.zeros(0), [], ()), EvenSample(CaptureLimits())
        capture = finished(Source(kind=MediaKind.AUDIO), track, kept, audio, None)
        print_ = Voiceprint(voice_vector(match), "ge2e", digest, 3, 0.95, quality)
        reading = VoiceReading(
            voice(risk, confidence, match=None),
            print_,
            SpeechQuality(speech_s, 30.0, 0.0, 7000.0),
            rate_hz,
            audio.duration_s,
        )
        self.known[content] = capture, reading
        return content

    async def decode_voice(self, audio: Path) -> Capture:
        await asyncio.sleep(self.decode_pause_s)
        found = self.known.get(audio.read_bytes())
        if found is None:
            message = "not sound"
            raise UnreadableMediaError(message)
        return found[0]

    async def read_voice(self, capture: Capture, policy: Policy) -> VoiceReading:
        self.reads += 1
        await asyncio.sleep(self.pause_s)
        if self.error is not None:
            raise self.error
        return next(reading for known, reading in self.known.values() if known is capture)


@dataclass
class Voices:
    """A client of the voice endpoints."""

    client: TestClient
    ear: BuilderEar
    headers: dict[str, str]

    def send(self, path: str, content: bytes, *, wait: bool = True, **fields: Any) -> Any:
        """Send a recording as a form; the uuid is fresh unless given."""
        data = {"request_uuid": str(uuid.uuid4()), "external_id": "ada"} | fields
        headers = self.headers | ({"prefer": "wait"} if wait else {})
        files = {"voice_data": ("voice.wav", content, "audio/wav")}
        return self.client.post(f"/v1/voice/{path}", data=data, files=files, headers=headers)

    def enroll(self, content: bytes | None = None, **fields: Any) -> dict[str, Any]:
        """Enrol and return the answer, which must be in place."""
        response = self.send("enrollments", content or self.ear.recording(), **fields)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def verify(self, content: bytes, **fields: Any) -> dict[str, Any]:
        """Verify and return the answer, which must be in place."""
        response = self.send("verifications", content, **fields)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def refused(self, content: bytes, **fields: Any) -> tuple[int, str]:
        """Verify and return status and code of the refusal."""
        response = self.send("verifications", content, **fields)
        return response.status_code, response.json()["error"]["code"]


StartVoices = Callable[..., Voices]


def context_of(client: TestClient) -> Context:
    context: Context = client.app.state.context  # type: ignore[attr-defined]
    return context


def events(voices: Voices) -> list[VoiceEventRow]:
    with context_of(voices.client).database.read() as db:
        return list(db.exec(select(VoiceEventRow).order_by("created_at", "sequence")).all())


def compare(voices: Voices, one: bytes, other: bytes) -> Any:
    files = {"recording_a": ("a.wav", one), "recording_b": ("b.wav", other)}
    return voices.client.post("/v1/voice/compare", files=files, headers=voices.headers)
