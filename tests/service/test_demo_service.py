"""The demo's service: a failure is told with the end of its log, and nothing stays running."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from service.data_lock import DataLock
from service.demo.client import DemoClient, RequestError
from service.demo.run import reasons, run_demo
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


@pytest.mark.timeout(400)
def test_the_demo_from_start_to_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The main job: the real service, a real attack over HTTP, a verdict with its reasons."""
    report = tmp_path / "report.html"
    run_demo(report)
    shown = capfd.readouterr().out
    result, _ = json.JSONDecoder().raw_decode(shown[shown.index("{") :])
    assert result["verdict"] == "DEEPFAKE"
    assert result["layer_results"]["liveness"]["checks"]["head_movement"] is False
    assert "decided  rule 1 (liveness)" in shown
    assert "head_movement failed" in shown
    assert "service  stopped" in shown
    assert str(report) in shown
    assert "DEEPFAKE" in report.read_text()
    address = shown.split("service  http://127.0.0.1:")[1].split()[0]
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{address}/healthz")
