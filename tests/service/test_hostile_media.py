"""Media that is made to do harm, over HTTP: it fails its own capture, and the next one is taken."""

from __future__ import annotations

import io
import struct
import time
import wave
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.jobs.in_process import InProcessRunner
from service.keys import create_key
from service.layer_analyser import LayerAnalyser
from tests.service.hostile_layers import (
    COMPUTE,
    CRASH,
    HANG,
    HOARD,
    hostile_tasks,
    picture_that_asks_for,
)
from tests.service.service_builders import (
    APPLICANT,
    UploadPart,
    capture_parts,
    description,
    json_part,
    settings_in,
    wav_bytes,
)
from tests.service.test_real_decoder import portrait, unfinished_video

_MIB = 1024**2


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = settings_in(
        tmp_path_factory.mktemp("hostile"),
        public_url="http://testserver",
        capture_timeout_s=16,
        decoder_cpu_s=4,
        decoder_memory_bytes=1024 * _MIB,
    )
    analyser = LayerAnalyser(settings, hostile_tasks())
    app = create_app(settings, analyser, jobs=InProcessRunner())
    with TestClient(app) as client:
        key = create_key(app.state.context.database, name="test").text
        client.headers["x-api-key"] = key
        for _ in range(1200):
            if client.get("/readyz").status_code == 200:
                break
            time.sleep(0.05)
        yield client


def _new_token(client: TestClient) -> tuple[str, list[str]]:
    url = client.post("/v1/sessions", json=APPLICANT).json()["session_url"]
    token = url.rsplit("/", 1)[1]
    return token, list(client.get(f"/v1/captures/{token}").json()["challenge"]["steps"])


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _png_bomb(side: int) -> bytes:
    """A whole and valid picture of `side` by `side` pixels, a thousandth of that in bytes."""
    packer = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (_chunk(b"IHDR", head), _chunk(b"IDAT", rows), _chunk(b"IEND", b""))
    )


def _wav_of_hours(hours: float) -> bytes:
    """Half a second of sound that says it is `hours` long."""
    whole = bytearray(wav_bytes(0.5))
    claimed = round(hours * 3600 * 32_000)
    whole[4:8] = struct.pack("<I", claimed + 36)
    whole[40:44] = struct.pack("<I", claimed)
    return bytes(whole)


def _long_sound(seconds: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes([128]) * 8000 * seconds)
    return buffer.getvalue()


def _frames(steps: list[str], frame: bytes, audio: bytes | None = None) -> list[UploadPart]:
    return capture_parts(description(steps), frame=frame, audio=audio)


def _send(client: TestClient, token: str, parts: list[UploadPart]) -> Any:
    return client.post(f"/v1/captures/{token}", files=parts)


def _findings(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["code"] == "INVALID_MEDIA"
    assert all(finding["hint"] for finding in error["findings"])
    return [finding["code"] for finding in error["findings"]]


def _assert_healthy_one_is_taken(client: TestClient, token: str, steps: list[str]) -> None:
    taken = _send(client, token, _frames(steps, portrait()))
    assert taken.status_code == 202, taken.text


@pytest.mark.parametrize(
    ("asks_for", "code"),
    [(CRASH, "UNREADABLE_MEDIA"), (COMPUTE, "MEDIA_TOO_LARGE"), (HOARD, "MEDIA_TOO_LARGE")],
    ids=["segmentation fault", "endless computing", "all the memory"],
)
def test_a_decoder_that_is_driven_too_far(client: TestClient, asks_for: bytes, code: str) -> None:
    token, steps = _new_token(client)
    refused = _send(client, token, _frames(steps, picture_that_asks_for(asks_for)))
    assert _findings(refused) == [code]
    _assert_healthy_one_is_taken(client, token, steps)


def test_a_decoder_that_stands_still_holds_up_nobody_for_ever(client: TestClient) -> None:
    token, steps = _new_token(client)
    other, other_steps = _new_token(client)
    with ThreadPoolExecutor(1) as pool:
        parts = _frames(steps, picture_that_asks_for(HANG))
        hanging = pool.submit(_send, client, token, parts)
        time.sleep(0.5)
        _assert_healthy_one_is_taken(client, other, other_steps)
        refused = hanging.result()
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "ANALYSIS_BUSY")
    assert int(refused.headers["retry-after"]) > 0
    _assert_healthy_one_is_taken(client, token, steps)


def test_a_small_picture_of_900_megapixels(client: TestClient) -> None:
    bomb = _png_bomb(30_000)
    assert len(bomb) < 200_000
    token, steps = _new_token(client)
    assert _findings(_send(client, token, _frames(steps, bomb))) == ["MEDIA_TOO_LARGE"]
    _assert_healthy_one_is_taken(client, token, steps)


def test_a_video_that_was_cut_off(client: TestClient) -> None:
    token, steps = _new_token(client)
    capture = description(steps, frames=[], audio=None)
    parts: list[UploadPart] = [
        ("video", ("clip.mp4", unfinished_video(), "video/mp4")),
        json_part(capture),
    ]
    assert _findings(_send(client, token, parts)) == ["UNREADABLE_MEDIA"]
    _assert_healthy_one_is_taken(client, token, steps)


def test_a_sound_that_claims_hours(client: TestClient) -> None:
    token, steps = _new_token(client)
    answer = _send(client, token, _frames(steps, portrait(), _wav_of_hours(20)))
    # The claim is not believed: what is there counts, or the file is refused.
    if answer.status_code != 202:
        assert _findings(answer)[0] in ("MEDIA_TOO_LARGE", "UNREADABLE_MEDIA")
        _assert_healthy_one_is_taken(client, token, steps)


def test_a_sound_that_is_too_long(client: TestClient) -> None:
    token, steps = _new_token(client)
    sound = _long_sound(400)
    assert _findings(_send(client, token, _frames(steps, portrait(), sound))) == ["MEDIA_TOO_LARGE"]
    _assert_healthy_one_is_taken(client, token, steps)
