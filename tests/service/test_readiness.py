"""Readiness: what it waits for and how long; a stop says "not ready" first and ends no upload."""

from __future__ import annotations

import asyncio
import http.client
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.readiness import Readiness
from tests.chaos.applicants import Client
from tests.chaos.deployment import Deployment
from tests.service.running_service import Service
from tests.service.service_builders import APPLICANT, capture_parts, description


def test_a_store_that_is_away_is_said(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(service.context.media.store, "names", away)
    answer = service.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["store"] is False
    assert service.client.get("/healthz").status_code == 200


def test_what_hangs_is_asked_once_and_not_waited_for(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.readiness._LIMIT_S", 0.05)
    released, asked = threading.Event(), []

    def hangs() -> None:
        asked.append(1)
        released.wait(10)

    readiness = Readiness(service.context, {"slow": hangs, "quick": lambda: None})

    async def ask_often() -> None:
        for _ in range(3):
            found = await readiness.ask()
            assert (found["slow"], found["quick"]) == (False, True)
        assert len(asked) == 1
        released.set()
        await asyncio.sleep(0.05)
        assert (await readiness.ask())["slow"] is True

    asyncio.run(ask_often())
    readiness.close()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """A real process that says "not ready" for two seconds before it stops."""
    made = Deployment(tmp_path, "", variables={"BONAFIDE_DRAIN_DELAY_S": "2"})
    made.start()
    yield made
    for process in made.processes:
        process.kill()


def test_a_stop_ends_no_upload_and_is_announced(deployment: Deployment) -> None:
    key = deployment.new_key()
    client = Client(deployment.url, key)
    created = client.call("POST", "/v1/sessions", json=APPLICANT).json()
    token = created["session_url"].rsplit("/", 1)[1]
    steps = client.call("GET", f"/v1/captures/{token}").json()["challenge"]["steps"]
    request = httpx.Request(
        "POST", f"{deployment.url}/v1/captures/{token}", files=capture_parts(description(steps))
    )
    body = request.read()
    upload = http.client.HTTPConnection("127.0.0.1", deployment.port)
    upload.putrequest("POST", f"/v1/captures/{token}")
    for name in ("content-type", "content-length"):
        upload.putheader(name, request.headers[name])
    upload.endheaders()
    upload.send(body[:100])

    process = deployment.processes[0]
    process.send(signal.SIGTERM)
    answer = _ready(deployment)
    assert (answer.status_code, answer.json()["checks"]["accepting"]) == (503, False)
    late = client.call("POST", "/v1/sessions", json=APPLICANT)  # still taken
    assert late.status_code == 201
    time.sleep(2.5)  # the server is stopping by now: nobody new gets in
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{deployment.url}/healthz")
    upload.send(body[100:])
    taken = upload.getresponse()
    assert taken.status == 202
    taken.read()
    upload.close()
    process.wait()
    assert process.running is not None
    assert process.running.returncode in (0, -signal.SIGTERM)
    process.start()
    deployment.wait_until_ready()
    while client.record(created["id"])["analysis_pending"]:
        time.sleep(0.05)
    assert client.record(created["id"])["status"] == "VERIFIED"
    client.close()


def _ready(deployment: Deployment) -> httpx.Response:
    for _ in range(50):
        answer = httpx.get(f"{deployment.url}/readyz")
        if answer.status_code != 200:
            return answer
        time.sleep(0.02)
    pytest.fail("still ready after SIGTERM")
