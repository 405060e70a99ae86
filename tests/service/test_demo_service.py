"""The demo's service: a failure is told with the end of its log, and nothing stays running."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from service.data_lock import DataLock
from service.demo.client import DemoClient, RequestError
from service.demo.run import reasons
from service.demo.server import ServiceError, running_service
from tests import builders
from verdict.engine import decide
from verdict.evidence import CheckName, SignalCode
from verdict.policy import load_policy
from verdict.wire import detection_evidence


def test_a_service_that_can_not_start_is_told_with_its_reason(tmp_path: Path) -> None:
    lock = DataLock(tmp_path)
    lock.acquire()
    try:
        with pytest.raises(ServiceError, match="another service runs"), running_service(tmp_path):
            pytest.fail("the folder is in use: it must not start")
    finally:
        lock.release()


def test_an_error_answer_is_told_with_its_code() -> None:
    client = DemoClient("http://service", "no-key")
    client._http = httpx.Client(
        base_url="http://service",
        transport=httpx.MockTransport(lambda _: httpx.Response(401, text="UNAUTHENTICATED")),
    )
    with pytest.raises(RequestError, match="POST /v1/sessions: 401 UNAUTHENTICATED"):
        client.create_session()
    client.close()


def test_reasons_name_what_failed_and_what_fired() -> None:
    decision = decide(
        builders.evidence(
            builders.liveness(CheckName.HEAD_MOVEMENT),
            builders.vision(82, 90, SignalCode.FLAT_ROTATION),
            builders.voice(75, 80, match=False),
        ),
        load_policy(),
    )
    found = " | ".join(reasons(detection_evidence(decision)))
    for expected in ("head_movement failed", "FLAT_ROTATION", "not recognised", "risk 75"):
        assert expected in found
    assert reasons(detection_evidence(decide(builders.evidence(), load_policy()))) == []
