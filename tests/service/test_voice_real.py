"""The voice endpoints with the real decoder, detector and encoder, in their children."""

from __future__ import annotations

import io
import time
import uuid
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from layers.capture.load import load_audio_only
from layers.capture.types import SAMPLE_RATE_HZ, FloatArray
from layers.known_models import known_models
from layers.registry import State, find
from layers.runner import MediaRequest, tasks
from service.app import create_app
from service.jobs.in_process import InProcessRunner
from service.keys import create_key
from service.layer_analyser import runner_settings
from service.voice.layer_ear import ListeningAnalyser
from tests.service.service_builders import settings_in
from tests.service.stub_layers import tasks_with_real_decoder
from verdict.policy import load_policy
from verdict.rules import half_up

_WORDS = Path(__file__).parents[2] / "fixtures" / "words.flac"
# The fixture is synthetic speech: raised, so that who speaks can be looked at by itself.
_OVERLAY = """version = "test"
[speaker.synthetic_threshold]
value = 101
unit = "risk 0-100"
source = "placeholder"
basis = "a test that enrols synthetic speech"
date = 2026-11-21
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    entry = next(one for one in known_models() if one.name == "speaker-ge2e")
    if find(entry).state is State.ABSENT:
        pytest.skip("the speaker encoder is not here: pip install --no-deps resemblyzer==0.1.4")
    folder = tmp_path_factory.mktemp("voice")
    overlay = folder / "policy.toml"
    overlay.write_text(_OVERLAY, encoding="utf-8")
    settings = settings_in(folder, public_url="http://testserver", policy_file=overlay)
    analyser = ListeningAnalyser(settings, tasks_with_real_decoder())
    app = create_app(settings, analyser, analyser, jobs=InProcessRunner())
    with TestClient(app) as client:
        key = create_key(app.state.context.database, name="test").text
        client.headers["x-api-key"] = key
        for _ in range(1200):
            if client.get("/readyz").status_code == 200:
                break
            time.sleep(0.05)
        yield client


@pytest.fixture(scope="module")
def speech() -> FloatArray:
    audio = load_audio_only(_WORDS).audio
    assert audio is not None
    return audio.samples


def _wav(samples: FloatArray, rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.round(32767 * samples).astype("<i2").tobytes())
    return buffer.getvalue()


def _cut(speech: FloatArray, start_s: float, seconds: float) -> FloatArray:
    return speech[round(start_s * SAMPLE_RATE_HZ) : round((start_s + seconds) * SAMPLE_RATE_HZ)]


def _send(client: TestClient, path: str, content: bytes) -> Any:
    data = {"request_uuid": str(uuid.uuid4()), "external_id": "ada"}
    files = {"voice_data": ("voice.wav", content)}
    headers = {"prefer": "wait"}
    return client.post(f"/v1/voice/{path}", data=data, files=files, headers=headers)


def test_the_same_voice_is_verified_and_another_is_not(
    client: TestClient, speech: FloatArray
) -> None:
    enrolled = _send(client, "enrollments", _wav(_cut(speech, 0, 12))).json()
    assert enrolled["status"] == "completed", enrolled
    same = _send(client, "verifications", _wav(_cut(speech, 14, 10))).json()
    assert same["result"] == "verified", same
    # Played a third faster the same words have another pitch and another vocal tract.
    faster = _cut(speech, 14, 14)
    positions = np.arange(0, len(faster) - 1, 1.33)
    other = np.interp(positions, np.arange(len(faster)), faster).astype(np.float32)
    different = _send(client, "verifications", _wav(other)).json()
    assert different["match_score"] < same["match_score"] - 0.2
    assert different["result"] != "verified"


def test_the_score_is_the_one_that_an_analysis_of_the_recording_gives(
    client: TestClient, speech: FloatArray, tmp_path: Path
) -> None:
    path = tmp_path / "voice.wav"
    path.write_bytes(_wav(_cut(speech, 0, 6)))
    files = {"recording_a": path.read_bytes(), "recording_b": path.read_bytes()}
    answer = client.post("/v1/voice/compare", files=files).json()
    policy = load_policy()
    # What `bonafide analyze --audio` has its children do.
    models = runner_settings(settings_in(tmp_path), policy).models
    voice = tasks.voice(tasks.decode(MediaRequest(audio=path)), policy, models)
    assert answer["recording_a"]["score_pct"] == half_up(100 * voice.p_attack)
    assert answer["recording_a"]["detector_score"] == voice.score
    assert answer["recording_a"] == answer["recording_b"]


@pytest.mark.parametrize("kind", ["rate", "short", "silence", "noise", "truncated"])
def test_what_the_decoder_finds_is_refused_with_a_hint(
    client: TestClient, speech: FloatArray, kind: str
) -> None:
    rng = np.random.default_rng(0)
    contents = {
        "rate": (_wav(_cut(speech, 0, 8)[::2].copy(), 8000), "AUDIO_RATE_TOO_LOW"),
        "short": (_wav(_cut(speech, 0, 2)), "SPEECH_TOO_SHORT"),
        "silence": (_wav(np.zeros(80_000, np.float32)), "SPEECH_TOO_SHORT"),
        "noise": (_wav(0.1 * rng.standard_normal(80_000).astype(np.float32)), "SPEECH_TOO_SHORT"),
        "truncated": (_wav(_cut(speech, 0, 5))[:20], "UNREADABLE_MEDIA"),
    }
    content, code = contents[kind]
    response = _send(client, "enrollments", content)
    assert response.status_code == 422, response.text
    assert code in [one["code"] for one in response.json()["error"]["findings"]]
