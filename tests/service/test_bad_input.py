"""Every bad input that was named for the main job: real HTTP, real decoder, one service for all.

The layers are stubs: what they make of poor sound and odd times is tested with them.
docs/testing.md says which test stands for which input.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.layer_analyser import LayerAnalyser
from tests.contract.running import running
from tests.service.bad_media import REFUSED, TAKEN
from tests.service.service_builders import APPLICANT
from tests.service.stub_layers import tasks_with_real_decoder

_WAIT_S = 60.0


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("bad")
    with running(
        folder, lambda settings: LayerAnalyser(settings, tasks_with_real_decoder())
    ) as service:
        headers = {"x-api-key": service.new_key()}
        with httpx.Client(base_url=service.url, headers=headers, timeout=_WAIT_S) as client:
            _until(lambda: client.get("/readyz").status_code == 200)
            yield client
            assert client.get("/readyz").status_code == 200, "the process did not stay up"


@pytest.fixture
def session(client: httpx.Client) -> tuple[str, str]:
    created = client.post("/v1/sessions", json=APPLICANT).json()
    return created["id"], f"/v1/captures/{created['session_url'].rsplit('/', 1)[1]}"


def _until(is_so: Any) -> None:
    end = time.monotonic() + _WAIT_S
    while not is_so():
        assert time.monotonic() < end, "it never was"
        time.sleep(0.05)


def _record(client: httpx.Client, session_id: str) -> dict[str, Any]:
    record: dict[str, Any] = client.get(f"/v1/sessions/{session_id}").json()["session_record"]
    return record


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(client: httpx.Client, session: tuple[str, str], tmp_path: Path, name: str) -> None:
    session_id, link = session
    build, status, code, finding = REFUSED[name]
    steps = client.get(link).json()["challenge"]["steps"]
    response = client.post(link, files=build(tmp_path, steps))
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, code), response.text
    if finding is None:
        assert error["fields"], "it says which field"
    else:
        assert [one["code"] for one in error["findings"]] == [finding]
        assert all(len(one["hint"]) > 10 for one in error["findings"])
    # No attempt is used, and the link stays open.
    record = _record(client, session_id)
    assert (record["status"], record["attempt"], record["uploads"]) == ("PENDING", 1, {})
    assert client.get(link).status_code == 200


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_taken(client: httpx.Client, session: tuple[str, str], tmp_path: Path, name: str) -> None:
    session_id, link = session
    steps = client.get(link).json()["challenge"]["steps"]
    response = client.post(link, files=TAKEN[name](tmp_path, steps))
    assert response.status_code == 202, response.text
    _until(lambda: not _record(client, session_id)["analysis_pending"])
    record = _record(client, session_id)
    assert record["status"] == "SUBMITTED"
    assert record["analysis_data"]["deepfake_detection_data"]["verdict"] == "LIVE"
    reused = client.post(link, files=TAKEN[name](tmp_path, steps))
    assert (reused.status_code, reused.json()["error"]["code"]) == (409, "CAPTURE_TOKEN_USED")


def test_two_captures_at_once(
    client: httpx.Client, session: tuple[str, str], tmp_path: Path
) -> None:
    session_id, link = session
    steps = client.get(link).json()["challenge"]["steps"]
    parts = TAKEN["0.2 s of sound"](tmp_path, steps)
    answers: list[httpx.Response] = []
    senders = [
        threading.Thread(target=lambda: answers.append(client.post(link, files=parts)))
        for _ in range(2)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    _until(lambda: not _record(client, session_id)["analysis_pending"])
    assert _record(client, session_id)["attempt"] == 1


@pytest.mark.parametrize("key", [None, "", "bf_nobody", "bf_\xe9", 5000 * "x"], ids=repr)
def test_wrong_or_missing_key(client: httpx.Client, key: str | None) -> None:
    headers = {} if key is None else {b"x-api-key": key.encode("latin-1")}
    with httpx.Client(base_url=client.base_url) as stranger:
        answer = stranger.get("/v1/sessions", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
