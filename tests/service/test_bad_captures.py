"""Bad input over HTTP: each has a documented answer, uses no attempt, and the link stays usable."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from layers.capture.errors import DecodeTimeoutError, MediaLimitError, UnreadableMediaError
from service.analyser import AnalyserBusyError
from tests.service.running_service import Service, StartService
from tests.service.service_builders import (
    JPEG,
    MP4,
    BuilderAnalyser,
    UploadPart,
    capture_parts,
    description,
    json_part,
)
from verdict.measurement import QualityFinding


def _send(service: Service, token: str, parts: list[UploadPart]) -> tuple[int, dict[str, Any]]:
    response = service.client.post(f"/v1/captures/{token}", files=parts)
    error: dict[str, Any] = response.json()["error"]
    assert error["request_id"] == response.headers["x-request-id"]
    return response.status_code, error


def _assert_still_open(service: Service, created: dict[str, Any]) -> None:
    record = service.retrieve(created["id"])["session_record"]
    assert (record["status"], record["attempt"]) == ("PENDING", 1)
    data_dir = service.context.settings.data_dir
    assert not list((data_dir / "media").glob("captures/*/*/*"))
    assert not list((data_dir / "staging").iterdir())
    service.analyser.inspect_error, service.analyser.findings = None, ()
    assert service.capture(service.token_of(created)).status_code == 202


def test_empty_file(service: Service) -> None:
    created = service.create()
    token = service.token_of(created)
    parts = capture_parts(description(service.steps(token)), frame=b"")
    status, error = _send(service, token, parts)
    assert (status, error["code"]) == (422, "INVALID_MEDIA")
    assert error["findings"][0]["code"] == "EMPTY_FILE"
    assert error["findings"][0]["hint"]
    _assert_still_open(service, created)


def test_text_file_called_mp4(service: Service) -> None:
    created = service.create()
    token = service.token_of(created)
    capture = description(service.steps(token), frames=[], audio=None)
    text = b"This is not a video at all."
    parts = [("video", ("clip.mp4", text, "video/mp4")), json_part(capture)]
    assert _send(service, token, parts)[0] == 415
    _assert_still_open(service, created)


def test_sound_where_pictures_belong(service: Service) -> None:
    token = service.token_of(service.create())
    parts = capture_parts(description(service.steps(token)), frame=MP4)
    status, error = _send(service, token, parts)
    assert (status, error["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert error["fields"][0]["field"] == "frames"


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (UnreadableMediaError("the file ends too early; record again"), "UNREADABLE_MEDIA"),
        (MediaLimitError("200 megapixels; the limit is 50"), "MEDIA_TOO_LARGE"),
    ],
)
def test_media_that_the_layers_refuse(start_service: StartService, raised: Any, code: str) -> None:
    service = start_service(BuilderAnalyser(inspect_error=raised))
    created = service.create()
    token = service.token_of(created)
    status, error = _send(service, token, capture_parts(description(service.steps(token))))
    assert (status, error["code"]) == (422, "INVALID_MEDIA")
    assert error["findings"] == [
        {"code": code, "hint": str(raised), "value": None, "limit": None, "frames": []}
    ]
    _assert_still_open(service, created)


def test_room_that_is_too_dark(start_service: StartService) -> None:
    dark = QualityFinding("TOO_DARK", 18.0, 40.0, "Turn on a light.", refuses=True, frames=(0,))
    small = QualityFinding("FACE_SMALL", 60.0, 80.0, "Come closer.")
    service = start_service(BuilderAnalyser(findings=(dark, small)))
    created = service.create()
    token = service.token_of(created)
    status, error = _send(service, token, capture_parts(description(service.steps(token))))
    assert (status, error["code"]) == (422, "INVALID_MEDIA")
    assert [finding["code"] for finding in error["findings"]] == ["TOO_DARK"]
    _assert_still_open(service, created)


def test_finding_that_refuses_nothing_lets_the_capture_pass(start_service: StartService) -> None:
    small = QualityFinding("FACE_SMALL", 60.0, 80.0, "Come closer.")
    service = start_service(BuilderAnalyser(findings=(small,)))
    service.judged(service.captured())


def test_steps_in_another_order(service: Service) -> None:
    created = service.create()
    token = service.token_of(created)
    steps = service.steps(token)
    for wrong in (steps[::-1], steps[:-1], []):
        status, error = _send(service, token, capture_parts(description(wrong)))
        assert (status, error["code"]) == (422, "STEP_OUT_OF_ORDER") if wrong else (422,)
    _assert_still_open(service, created)


def _broken_descriptions() -> Iterator[tuple[str, Any, str]]:
    steps = ["neutral"]
    good = description(steps)
    yield "no object", [], "capture"
    yield "future version", good | {"version": 2}, "capture.version"
    yield "negative time", good | {"frames": [{"file": "0.jpg", "t_s": -1}]}, "capture.frames.0.t_s"
    yield (
        "unknown step",
        good | {"prompts": [{"step": "dance", "t_s": 0}]},
        "capture.prompts.0.step",
    )
    yield "path", good | {"frames": [{"file": "../x.jpg", "t_s": 0}]}, "capture.frames"
    yield "other file", good | {"frames": [{"file": "9.jpg", "t_s": 0}]}, "capture.frames"
    yield "other sound", good | {"audio": {"file": "9.wav"}}, "capture.audio.file"


@pytest.mark.parametrize(
    ("capture", "field"),
    [pytest.param(capture, field, id=name) for name, capture, field in _broken_descriptions()],
)
def test_capture_json_that_does_not_fit(service: Service, capture: Any, field: str) -> None:
    token = service.token_of(service.create())
    parts: list[UploadPart] = [
        ("frames", ("0.jpg", JPEG, "image/jpeg")),
        ("audio", ("voice.wav", b"RIFF....WAVEfmt ", "audio/wav")),
        json_part(capture),
    ]
    status, error = _send(service, token, parts)
    assert (status, error["code"]) == (422, "VALIDATION_ERROR")
    assert error["fields"][0]["field"] == field


def test_missing_and_unknown_fields(service: Service) -> None:
    token = service.token_of(service.create())
    frame: UploadPart = ("frames", ("0.jpg", JPEG, "image/jpeg"))
    video: UploadPart = ("video", ("v.mp4", MP4, "video/mp4"))
    capture = json_part(description(["neutral"]))
    for parts, field in (
        ([frame], "capture"),
        ([capture], "frames"),
        ([frame, video, capture], "frames"),
        ([video, video, capture], "body"),
        ([("model", ("x.bin", b"x", "x/y")), capture], "body"),
    ):
        status, error = _send(service, token, parts)
        assert (status, error["fields"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"--x\r\nnot a header\r\n", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="capture"',
            400,
        ),
    ],
)
def test_body_that_is_no_form(
    service: Service, content_type: str, body: bytes, status: int
) -> None:
    token = service.token_of(service.create())
    response = service.client.post(
        f"/v1/captures/{token}", content=body, headers={"content-type": content_type}
    )
    assert response.status_code == status, response.text


def test_too_many_bytes(start_service: StartService) -> None:
    service = start_service(max_upload_bytes=20_000)
    created = service.create()
    token = service.token_of(created)
    big = capture_parts(description(service.steps(token)), frame=JPEG + bytes(20_000))
    assert _send(service, token, big)[1]["code"] == "PAYLOAD_TOO_LARGE"

    def endless() -> Iterator[bytes]:  # no Content-Length to go by
        yield b'--x\r\nContent-Disposition: form-data; name="frames"; filename="0.jpg"\r\n\r\n'
        for _ in range(100):
            yield bytes(1000)

    response = service.client.post(
        f"/v1/captures/{token}",
        content=endless(),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert (response.status_code, response.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    record = service.retrieve(created["id"])["session_record"]
    assert record["status"] == "PENDING"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"--x\r\n" + 17 * b"a: b\r\n" + b"\r\n", 400),
        (2 * b'--x\r\nContent-Disposition: form-data; name="capture"\r\n\r\n{}\r\n', 422),
    ],
    ids=["headers of a part", "capture JSONs"],
)
def test_parts_that_would_cost_time_without_end(service: Service, body: bytes, status: int) -> None:
    token = service.token_of(service.create())
    response = service.client.post(
        f"/v1/captures/{token}",
        content=body + b"--x--\r\n",
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert response.status_code == status, response.text
    assert "not valid multipart" in response.text or "JSON once" in response.text


def test_too_many_files_and_too_long_json(start_service: StartService) -> None:
    service = start_service(max_frames=3, max_json_bytes=5000)
    token = service.token_of(service.create())
    many = capture_parts(description(service.steps(token)))
    assert _send(service, token, many)[1]["code"] == "PAYLOAD_TOO_LARGE"
    long: UploadPart = ("capture", ("c.json", json.dumps(["x" * 6000]).encode(), "x/y"))
    assert _send(service, token, [long])[1]["code"] == "PAYLOAD_TOO_LARGE"


def test_token_that_is_not_known_used_or_out_of_time(start_service: StartService) -> None:
    service = start_service()
    unknown = service.client.get("/v1/captures/unknown")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "CAPTURE_TOKEN_UNKNOWN")
    created = service.create()
    token = service.token_of(created)
    capture = description(service.steps(token))
    assert service.client.post(f"/v1/captures/{token}", files=capture_parts(capture)).is_success
    status, error = _send(service, token, capture_parts(capture))
    assert (status, error["code"]) == (409, "CAPTURE_TOKEN_USED")


def test_token_that_has_run_out(start_service: StartService) -> None:
    service = start_service(capture_token_ttl_s=0.01)
    created = service.create()
    time.sleep(0.05)
    for method in ("GET", "POST"):
        gone = service.client.request(method, f"/v1/captures/{service.token_of(created)}")
        assert (gone.status_code, gone.json()["error"]["code"]) == (410, "CAPTURE_TOKEN_EXPIRED")


def test_voided_session_takes_no_capture(service: Service) -> None:
    created = service.create()
    token = service.token_of(created)
    capture = description(service.steps(token))
    service.client.patch(
        f"/v1/sessions/{created['id']}", json={"status": "VOIDED"}, headers=service.auth
    )
    status, error = _send(service, token, capture_parts(capture))
    assert (status, error["code"]) == (409, "SESSION_TERMINAL")


def test_service_that_is_still_loading(start_service: StartService) -> None:
    service = start_service()
    token = service.token_of(service.create())
    capture = description(service.steps(token))
    service.analyser.is_ready = False
    response = service.client.post(f"/v1/captures/{token}", files=capture_parts(capture))
    assert (response.status_code, response.json()["error"]["code"]) == (503, "NOT_READY")
    assert response.headers["retry-after"]


def test_file_names_never_become_paths(service: Service) -> None:
    token = service.token_of(service.create())
    parts: list[UploadPart] = [
        ("frames", ("../../evil.jpg", JPEG, "image/jpeg")),
        json_part(description(["neutral"], audio=None)),
    ]
    assert _send(service, token, parts)[0] == 422
    assert not list(service.context.settings.data_dir.parent.rglob("evil*"))


@pytest.mark.parametrize("raised", [DecodeTimeoutError("stopped after 120 s"), AnalyserBusyError()])
def test_busy_machine_is_not_the_applicants_fault(start_service: StartService, raised: Any) -> None:
    service = start_service(BuilderAnalyser(inspect_error=raised))
    created = service.create()
    token = service.token_of(created)
    response = service.client.post(
        f"/v1/captures/{token}", files=capture_parts(description(service.steps(token)))
    )
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "ANALYSIS_BUSY"
    assert int(response.headers["retry-after"]) > 0
    _assert_still_open(service, created)


def test_steps_are_taken_once_each(service: Service) -> None:
    created = service.create()
    token = service.token_of(created)
    steps = service.steps(token)
    again = description([*steps, steps[0]])
    framed = description([steps[0], steps[1], *steps], prompts=[])
    for capture in (again, framed):
        status, error = _send(service, token, capture_parts(capture))
        assert (status, error["code"]) == (422, "STEP_OUT_OF_ORDER")
    _assert_still_open(service, created)
