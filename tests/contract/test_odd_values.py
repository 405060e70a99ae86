"""Values that no schema rules out and that some part chokes on: the same answer on both databases.

Each of them ended in a 500 once, or is the neighbour of one that did.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.running import Running, running
from tests.service.postgres import PostgresServer
from tests.service.service_builders import APPLICANT, capture_parts, description, json_part
from tests.service.webhook_builders import INSIDE

_JSON = {"content-type": "application/json"}
_HOOK = "http://127.0.0.1:9/hook"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    url = ""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    folder: Path = tmp_path_factory.mktemp("odd")
    with running(folder, database_url=url, **INSIDE) as started:
        yield started


@pytest.fixture
def client(service: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, headers={"x-api-key": service.new_key()}) as client:
        yield client


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> httpx.Response:
    # json.dumps escapes what httpx's own would refuse to encode.
    return client.post(path, content=json.dumps(body), headers=_JSON)


def _code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def _token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "changes",
    [
        {"first_name": "a\0b"},
        {"last_name": "\0"},
        {"email": "a\0@b.c"},
        {"external_id": "\0"},
        {"workflow_id": "\0"},
        {"first_name": "\ud800"},
        {"redirect_url": "https://["},
        {"redirect_url": "https://a]b/"},
        {"redirect_url": "https://a:99999999/"},
        {"redirect_url": "https://user:word@shop\u2100x/"},
        {"redirect_url": "https://shop/\0"},
        {"redirectUrl": "https://["},
    ],
    ids=ascii,
)
def test_sessions_are_not_made_of_it(client: httpx.Client, changes: dict[str, str]) -> None:
    response = _post(client, "/v1/sessions", APPLICANT | changes)
    assert _code(response) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "query",
    [
        "external_id=a%00b",
        "workflow_id=%00",
        f"next_token={_token('99999999999999999999999:x')}",
        f"next_token={_token(chr(0))}",
        f"next_token={_token('1:' + chr(0))}",
        f"next_token={_token('-1:x')}",
        "next_token=%C3%A9",
    ],
)
def test_filters_that_no_row_can_have(client: httpx.Client, query: str) -> None:
    assert _code(client.get(f"/v1/sessions?{query}")) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "query",
    [
        "end_date=9999-12-31",
        "end_date=9999-12-31T23:59:59-14:00",
        "start_date=0001-01-01T00:00:00%2B14:00",
    ],
)
def test_the_ends_of_the_calendar(client: httpx.Client, query: str) -> None:
    assert client.get(f"/v1/sessions?{query}").status_code == 200


@pytest.mark.parametrize("odd", ["a%00b", "%ff", "%ED%A0%80", 5000 * "x"], ids=lambda odd: odd[:9])
def test_ids_in_paths(client: httpx.Client, odd: str) -> None:
    expected = 400 if "%00" in odd else 404
    for method, path in (
        ("GET", "/v1/sessions/{}"),
        ("POST", "/v1/sessions/{}/attempts"),
        ("GET", "/v1/captures/{}"),
        ("GET", "/v1/voice/enrollments/{}"),
        ("GET", "/v1/webhook-endpoints/{}"),
        ("DELETE", "/v1/webhook-endpoints/{}"),
        ("GET", "/v1/webhook-endpoints/{}/deliveries"),
    ):
        response = client.request(method, path.format(odd))
        assert response.status_code == expected, (path, response.text)
    assert client.delete(f"/v1/voice/voiceprints/{odd}").status_code in (400, 404, 422)
    link = client.get(f"/v1/media/{odd}/{odd}?expires=1&signature=%C3%A9")
    assert link.status_code == (400 if "%00" in odd else 403)


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "\0"},
        {"url": "https://xn--/"},
        {"url": "https://xn--a.xn--/"},
        {"url": "https://\u2100.example/"},
        {"url": "https://shop/\ud800"},
        {"events": ["\0"]},
    ],
    ids=ascii,
)
def test_endpoints_are_not_made_of_it(client: httpx.Client, changes: dict[str, Any]) -> None:
    response = _post(client, "/v1/webhook-endpoints", {"url": _HOOK} | changes)
    assert _code(response) == (422, "VALIDATION_ERROR")


def test_deliveries_asked_for_by_it(client: httpx.Client) -> None:
    made = _post(client, "/v1/webhook-endpoints", {"url": _HOOK}).json()["id"]
    path = f"/v1/webhook-endpoints/{made}"
    for query in ("type=%00", "subject_id=%00", f"next_token={_token('1:' + chr(0))}"):
        assert _code(client.get(f"{path}/deliveries?{query}")) == (400, "BAD_REQUEST")
    for overlap in ("NaN", "Infinity", "-1", "1e300"):
        body = f'{{"overlap_s": {overlap}}}'
        rotated = client.post(f"{path}/rotate-secret", content=body, headers=_JSON)
        assert rotated.status_code == 422, (overlap, rotated.text)
    for since in ("0001-01-01T00:00+23:59", "9999-12-31T23:59:59-23:59", "\0", "2026-W01-1"):
        assert _post(client, f"{path}/replay", {"since": since}).status_code in (202, 422)
    assert client.delete(path).status_code == 204


@pytest.mark.parametrize("path", ["enrollments", "verifications"])
def test_voices_of_nobody(client: httpx.Client, path: str) -> None:
    body = {
        "request_uuid": "6f1d3d2e-8a0b-4b6e-9a53-1f7f6a9f2c11",
        "external_id": "a\0b",
        "voice_data": "AAAA",
    }
    assert _code(_post(client, f"/v1/voice/{path}", body)) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "boundary", ["b" * 5000, '"a\\"b"', "\xe9", "x; boundary=y", ""], ids=lambda text: text[:9]
)
def test_boundaries_of_forms(client: httpx.Client, boundary: str) -> None:
    created = _post(client, "/v1/sessions", APPLICANT).json()
    kind = {b"content-type": f"multipart/form-data; boundary={boundary}".encode("latin-1")}
    for path in (f"/v1/captures/{created['session_url'].rsplit('/', 1)[1]}", "/v1/voice/compare"):
        response = client.post(path, content=b"--b\r\n\r\n--b--", headers=kind)
        assert _code(response) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "body",
    [b"\xff", 9 * b"[", 100_000 * b'{"a":', b'{"first_name":1' + 5000 * b"0" + b"}"],
    ids=lambda body: repr(body[:9]),
)
def test_bodies_that_are_no_json(client: httpx.Client, body: bytes) -> None:
    for path in ("/v1/sessions", "/v1/voice/compare", "/v1/webhook-endpoints"):
        assert _code(client.post(path, content=body, headers=_JSON)) == (400, "BAD_REQUEST")


def test_a_capture_after_all_that(client: httpx.Client) -> None:
    created = _post(client, "/v1/sessions", APPLICANT).json()
    path = f"/v1/captures/{created['session_url'].rsplit('/', 1)[1]}"
    steps = client.get(path).json()["challenge"]["steps"]
    unnamed = {"frames": [{"file": "\ud800", "t_s": 0}]}
    raws: tuple[Any, ...] = ({}, [], {"version": 10**400}, unnamed)
    for raw in raws:
        refused = client.post(path, files=[json_part(raw)])
        assert _code(refused) == (422, "VALIDATION_ERROR")
    far = description(steps, client_time_s=1e308, audio={"file": "voice.wav", "start_s": 3600})
    assert client.post(path, files=capture_parts(far)).status_code == 202
