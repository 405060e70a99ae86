"""Hostile and broken media over HTTP: the real decoder in its child, the real adapter."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from importlib import resources
from typing import Any

import av
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from service.app import create_app
from service.jobs.in_process import InProcessRunner
from service.keys import create_key
from service.layer_analyser import LayerAnalyser
from tests.service.service_builders import (
    APPLICANT,
    UploadPart,
    capture_parts,
    description,
    json_part,
    settings_in,
    wav_bytes,
)
from tests.service.stub_layers import tasks_with_real_decoder


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = settings_in(tmp_path_factory.mktemp("real"), public_url="http://testserver")
    analyser = LayerAnalyser(settings, tasks_with_real_decoder())
    app = create_app(settings, analyser, jobs=InProcessRunner())
    with TestClient(app) as client:
        key = create_key(app.state.context.database, name="test").text
        client.headers["x-api-key"] = key
        for _ in range(1200):
            if client.get("/readyz").status_code == 200:
                break
            time.sleep(0.05)
        yield client


@pytest.fixture
def session(client: TestClient) -> tuple[str, str]:
    created = client.post("/v1/sessions", json=APPLICANT).json()
    return created["id"], created["session_url"].rsplit("/", 1)[1]


def _steps(client: TestClient, token: str) -> list[str]:
    return list(client.get(f"/v1/captures/{token}").json()["challenge"]["steps"])


def portrait() -> bytes:
    """The public-domain portrait that scikit-image ships, cut to the face."""
    shipped = resources.files("skimage.data") / "astronaut.png"
    face = (
        Image.open(io.BytesIO(shipped.read_bytes()))
        .convert("RGB")
        .crop((110, 0, 350, 240))
        .resize((640, 640))
    )
    buffer = io.BytesIO()
    face.save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _jpeg_that_claims(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "JPEG")
    data = bytearray(buffer.getvalue())
    size_at = data.index(b"\xff\xc0") + 5  # start of frame: length, precision, height, width
    data[size_at : size_at + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


def _noise() -> bytes:
    rng = np.random.default_rng(1)
    buffer = io.BytesIO()
    pixels = rng.integers(60, 200, (240, 320, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def unfinished_video() -> bytes:
    """The first half of an MP4."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 64
        for _ in range(20):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    data = buffer.getvalue()
    return data[: len(data) // 2]


def _refusal(client: TestClient, token: str, parts: list[UploadPart]) -> list[dict[str, Any]]:
    response = client.post(f"/v1/captures/{token}", files=parts)
    assert response.status_code == 422, response.text
    error = response.json()["error"]
    assert error["code"] == "INVALID_MEDIA"
    findings: list[dict[str, Any]] = error["findings"]
    assert all(finding["hint"] for finding in findings)
    return findings


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(_jpeg_that_claims(20_000, 10_000), "MEDIA_TOO_LARGE", id="200 megapixels"),
        pytest.param(portrait()[:3000], "UNREADABLE_MEDIA", id="cut off"),
        pytest.param(b"\xff\xd8\xff\xe0 then nonsense", "UNREADABLE_MEDIA", id="nonsense"),
        pytest.param(_noise(), "NO_FACE", id="no face"),
    ],
)
def test_bad_pictures(
    client: TestClient, session: tuple[str, str], frame: bytes, code: str
) -> None:
    capture = description(_steps(client, session[1]))
    findings = _refusal(client, session[1], capture_parts(capture, frame=frame))
    assert [finding["code"] for finding in findings] == [code]


def test_video_that_ends_in_the_middle(client: TestClient, session: tuple[str, str]) -> None:
    capture = description(_steps(client, session[1]), frames=[], audio=None)
    video: UploadPart = ("video", ("clip.mp4", unfinished_video(), "video/mp4"))
    findings = _refusal(client, session[1], [video, json_part(capture)])
    assert findings[0]["code"] == "UNREADABLE_MEDIA"


def test_sound_that_no_decoder_reads(client: TestClient, session: tuple[str, str]) -> None:
    capture = description(_steps(client, session[1]))
    parts = capture_parts(capture, frame=portrait(), audio=b"RIFF\x00\x00\x00\x00WAVEjunk")
    assert _refusal(client, session[1], parts)[0]["code"] == "UNREADABLE_MEDIA"


def test_good_capture_after_a_bad_one(client: TestClient, session: tuple[str, str]) -> None:
    session_id, token = session
    capture = description(_steps(client, token))
    _refusal(client, token, capture_parts(capture, frame=_noise()))
    parts = capture_parts(capture, frame=portrait(), audio=wav_bytes(0.2))
    taken = client.post(f"/v1/captures/{token}", files=parts)
    assert taken.status_code == 202, taken.text
    for _ in range(1200):
        record = client.get(f"/v1/sessions/{session_id}").json()["session_record"]
        if not record["analysis_pending"]:
            break
        time.sleep(0.05)
    assert (record["status"], record["attempt"]) == ("SUBMITTED", 1)
    assert record["analysis_data"]["deepfake_detection_data"]["verdict"] == "LIVE"
