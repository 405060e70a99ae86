"""What a running service writes while people and faults pass through it: nothing about anybody."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.database import Database
from service.keys import Scope, create_key
from service.settings import Settings
from tests.service.postgres import free_port
from tests.service.service_builders import capture_parts, description
from tests.service.voice_builders import BuilderEar

_ROOT = Path(__file__).parents[2]
_MARK = "Zebedee"
_PERSON = {
    "first_name": _MARK,
    "last_name": f"{_MARK}son",
    "email": f"{_MARK}@example.com",
    "phone": "+15550188888",
    "external_id": f"{_MARK}-4711",
    "redirect_url": f"https://shop.example.com/{_MARK}?secret={_MARK}",
}


@contextmanager
def _running(folder: Path, port: int, output: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.service.talkative_app", str(folder), str(port), _MARK]
    with (
        output.open("wb") as file,
        subprocess.Popen(command, cwd=_ROOT, stdout=file, stderr=file) as process,
    ):
        try:
            for _ in range(600):
                assert process.poll() is None, output.read_text()
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.05)
            yield
            process.send_signal(signal.SIGTERM)  # an end in order is logged, too
            process.wait(30)
        finally:
            process.kill()


def _judged(client: httpx.Client, session_id: str) -> dict[str, Any]:
    for _ in range(300):
        session: dict[str, Any] = client.get(f"/v1/sessions/{session_id}").json()
        if not session["session_record"]["analysis_pending"]:
            return session
        time.sleep(0.05)
    pytest.fail("the analysis is still pending")


def _a_day(client: httpx.Client, dead_port: int) -> set[str]:
    """Let a person, mistakes and faults pass through; return what must not be logged."""
    hook = {"url": f"http://127.0.0.1:{dead_port}/{_MARK}", "events": ["*"], "description": _MARK}
    endpoint = client.post("/v1/webhook-endpoints", json=hook).json()
    once = {"idempotency-key": f"{_MARK}-order", "user-agent": _MARK, "cookie": f"a={_MARK}"}
    created = client.post("/v1/sessions", json=_PERSON, headers=once).json()
    client.post("/v1/sessions", json=_PERSON, headers=once)
    client.post("/v1/sessions", json=_PERSON | {"last_name": "x"}, headers=once)
    token = created["session_url"].rsplit("/", 1)[1]
    client.get(f"/s/{token}")
    challenge = client.get(f"/v1/captures/{token}").json()["challenge"]
    capture = description(challenge["steps"]) | {"device": {"label": f"{_MARK}'s camera"}}
    parts = capture_parts(capture)
    client.post(f"/v1/captures/{token}", files=[("frames", (f"{_MARK}.jpg", b"", "image/jpeg"))])
    sent = client.post(f"/v1/captures/{token}", files=parts, headers={"user-agent": _MARK})
    assert sent.status_code == 202, sent.text
    session = _judged(client, created["id"])
    link = next(iter(session["resource_links"].values()))
    client.get(link)
    client.get(link + _MARK)
    recording = BuilderEar().recording()
    voice = {"external_id": _MARK, "request_uuid": str(uuid.uuid4())}
    files = {"voice_data": (f"{_MARK}.wav", recording)}
    client.post("/v1/voice/enrollments", data=voice, files=files, headers={"prefer": "wait"})
    client.request("DELETE", f"/v1/voice/voiceprints/{_MARK}")
    made = client.post("/v1/api-keys", json={"name": _MARK}).json()
    mistakes = [
        client.post("/v1/sessions", content=f'{{"first_name": "{_MARK}'.encode()),
        client.post("/v1/sessions", json={"first_name": [_MARK], "email": _MARK}),
        client.get(f"/{_MARK}?name={_MARK}", headers={"x-request-id": f"{_MARK}@example.com"}),
        client.get(f"/v1/sessions?external_id={_MARK}&limit={_MARK}"),
        client.get(f"/v1/captures/{_MARK}"),
        client.get("/v1/sessions", headers={"x-api-key": f"{_MARK}_key"}),
        client.get(f"/v1/sessions/{_MARK}"),
        client.post(f"/v1/captures/{token}", content=_MARK.encode()),
    ]
    assert {answer.status_code for answer in mistakes} <= {400, 401, 404, 409, 415, 422}
    for path in ("fault", "fault-of-the-database"):
        assert client.get(f"/{path}/{_MARK}").status_code == 500
    client.patch(f"/v1/sessions/{created['id']}", json={"status": "VERIFIED"})
    client.delete(f"/v1/sessions/{created['id']}")
    words = {f" {challenge['phrase']}", token, made["key"], endpoint["secret"]}
    return words | {link.partition("signature=")[2], client.headers["x-api-key"]}


def test_the_logs_of_a_day_are_about_nobody(tmp_path: Path) -> None:
    folder, port, output = tmp_path / "data", free_port(), tmp_path / "output.log"
    database = Database(Settings(data_dir=folder))
    database.create()
    key = create_key(database, name="test", scopes=list(Scope)).text
    database.close()
    with (
        _running(folder, port, output),
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": key}, timeout=30
        ) as client,
    ):
        secrets = _a_day(client, free_port())
        time.sleep(0.5)  # for deliveries to fail
    written = output.read_text()
    lines = [json.loads(line) for line in written.splitlines()]  # nothing but our own lines
    messages = {line["message"] for line in lines}
    # It did log: requests, both faults, the crash of the analysis, the verdict, what failed.
    assert {"request", "request failed", "verdict recorded"} <= messages, messages
    errors = {line.get("error") for line in lines}
    assert {"RuntimeError", "IntegrityError"} <= errors
    routes = {line.get("route") for line in lines}
    assert {"/v1/captures/{token}", "/s/{token}", "/v1/media/{capture_id}/{name}"} <= routes
    lowered = written.lower()
    for secret in secrets | {_MARK, "+15550188888", "5550188888", "shop.example.com"}:
        found = lowered.find(secret.lower())
        assert found < 0, f"{secret}: {written[max(0, found - 200) : found + 200]}"
