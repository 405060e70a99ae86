"""Builders for the service's tests: an analyser that answers what it is given, and captures."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layers.capture.errors import MediaError
from service.analyser import AnalyserBusyError, StoredCapture
from service.settings import Settings
from verdict.evidence import (
    CheckName,
    CheckResult,
    Evidence,
    FailureKind,
    LayerName,
    LivenessResult,
    NotExecuted,
    SignalCode,
    SignalResult,
    VisionResult,
)
from verdict.measurement import Measurement, QualityFinding
from verdict.policy import Policy
from verdict.voice_evidence import PhraseResult, VoiceResult

APPLICANT = {
    "first_name": "Ada",
    "last_name": "Example",
    "email": "ada@example.com",
    "phone": "+15550100000",
}
JPEG = b"\xff\xd8\xff\xe0" + bytes(60)
MP4 = b"\x00\x00\x00\x18ftypisom" + bytes(60)


def evidence(
    *,
    vision: tuple[float, float] = (0.22, 0.90),
    voice: tuple[float, float] = (0.13, 0.88),
    matched: bool = True,
    failed_check: CheckName | None = None,
    signals: Sequence[SignalCode] = (),
    voice_findings: Sequence[QualityFinding] = (),
) -> Evidence:
    """Evidence with (p_attack, confidence) per layer; the defaults are the documented LIVE."""
    checks = tuple(
        CheckResult(name, name is not failed_check, (Measurement("share", 1.0, 0.9),), (0, 1))
        for name in CheckName
    )
    phrase = PhraseResult(matched, ("one",), ("one",), 0 if matched else 1, 0, "builder")
    fired = tuple(SignalResult(code, True, 0.9, (Measurement("ratio", 0.1),)) for code in signals)
    return Evidence(
        liveness=LivenessResult(checks, 0.95),
        vision=VisionResult(1.5, *vision, fired, features={"cheek_energy": 0.4}),
        voice=VoiceResult(2.0, *voice, phrase, findings=tuple(voice_findings)),
        timings_ms={"capture": 12.0},
        models={"face_landmark": "sha256:00"},
    )


def deepfake_evidence() -> Evidence:
    """The documented DEEPFAKE by rule 3."""
    codes = (SignalCode.BOUNDARY_ARTIFACTS, SignalCode.TEXTURE_SMOOTHING)
    return evidence(vision=(0.82, 0.90), signals=codes)


def nothing_executed() -> Evidence:
    """Every layer crashed."""
    liveness, vision, voice = (
        NotExecuted(layer, FailureKind.CRASHED, "exit code -9") for layer in LayerName
    )
    return Evidence(liveness, vision, voice)


@dataclass
class BuilderAnalyser:
    """Answers `evidence`; raises what stands in `inspect_error` and `analyse_errors`.

    `look` is shown each capture that is analysed, while its files are there.
    """

    evidence: Evidence = field(default_factory=evidence)
    findings: tuple[QualityFinding, ...] = ()
    inspect_error: MediaError | AnalyserBusyError | None = None
    analyse_errors: list[Exception] = field(default_factory=list)
    inspect_pause_s: float = 0.0
    analyse_pause_s: float = 0.0
    is_ready: bool = False
    inspected: list[StoredCapture] = field(default_factory=list)
    analysed: list[StoredCapture] = field(default_factory=list)
    look: Callable[[StoredCapture], object] = lambda _: None

    async def start(self) -> None:
        self.is_ready = True

    async def inspect(self, capture: StoredCapture) -> tuple[QualityFinding, ...]:
        self.inspected.append(capture)
        await asyncio.sleep(self.inspect_pause_s)
        if self.inspect_error is not None:
            raise self.inspect_error
        return self.findings

    async def analyse(self, capture: StoredCapture, policy: Policy) -> Evidence:
        self.analysed.append(capture)
        self.look(capture)
        await asyncio.sleep(self.analyse_pause_s)
        if self.analyse_errors:
            raise self.analyse_errors.pop(0)
        return self.evidence

    def forget(self, capture_id: str) -> None:
        return

    async def close(self) -> None:
        self.is_ready = False


def settings_in(folder: Path, **changes: Any) -> Settings:
    """Settings for a fresh folder, with short pauses."""
    values: dict[str, Any] = {
        "data_dir": folder / "data",
        "public_url": "https://kyc.example.com",
        "retry_pause_s": 0.0,
        "drain_timeout_s": 2.0,
    }
    return Settings(**(values | changes))


def wav_bytes(seconds: float = 0.5) -> bytes:
    """A silent WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(2 * round(16_000 * seconds)))
    return buffer.getvalue()


def description(steps: Sequence[str], **changes: Any) -> dict[str, Any]:
    """A capture JSON with one frame per step, a second apart."""
    values: dict[str, Any] = {
        "version": 1,
        "frames": [
            {"file": f"{index}.jpg", "t_s": float(index), "step": step}
            for index, step in enumerate(steps)
        ],
        "prompts": [{"step": step, "t_s": float(index)} for index, step in enumerate(steps)],
        "audio": {"file": "voice.wav", "start_s": 0.0},
        "client_time_s": 1_795_166_400.25,
        "mirrored": False,
    }
    return values | changes


UploadPart = tuple[str, tuple[str, bytes, str]]


def capture_parts(
    capture: dict[str, Any], *, frame: bytes = JPEG, audio: bytes | None = None
) -> list[UploadPart]:
    """The multipart fields of a capture of frames."""
    parts: list[UploadPart] = [
        ("frames", (entry["file"], frame, "image/jpeg")) for entry in capture["frames"]
    ]
    sound = wav_bytes() if audio is None else audio
    parts.append(("audio", ("voice.wav", sound, "audio/wav")))
    return [*parts, json_part(capture)]


def json_part(capture: Any) -> UploadPart:
    """The capture JSON as a multipart field."""
    return ("capture", ("capture.json", json.dumps(capture).encode(), "application/json"))
