"""Test mode: every outcome on demand, marked everywhere, and out of production's reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from service.cli.app import app as command_line
from service.database import Database, WrongEnvironmentError
from service.keys import create_key, identify
from service.settings import Settings
from service.test_mode import HEADER
from tests.service.running_service import Service, StartService
from tests.service.service_builders import APPLICANT, BuilderAnalyser, settings_in
from tests.service.webhook_builders import AT_ONCE, INSIDE, Hooks, verified
from tests.service.webhook_receiver import Receiver


def _refuse(*_: object) -> None:
    pytest.fail("the layers were asked")


@pytest.fixture
def testing(start_service: StartService) -> Service:
    """A deployment in test mode whose layers must not be asked."""
    return start_service(
        BuilderAnalyser(look=_refuse), environment="test", retry_pause_s=0.0, **INSIDE
    )


def _ordered(service: Service, order: str) -> str:
    headers = service.auth | {HEADER: order}
    created = service.client.post("/v1/sessions", json=APPLICANT, headers=headers)
    assert created.status_code == 201, created.text
    answer = service.capture(service.token_of(created.json()))
    assert answer.status_code == 202, answer.text
    return str(created.json()["id"])


@pytest.mark.parametrize(
    ("order", "status", "reason"),
    [
        ("LIVE", "SUBMITTED", "live"),
        ("DEEPFAKE", "REJECTED", "visual_deepfake"),
        ("INCONCLUSIVE", "SUBMITTED", "low_confidence"),
    ],
)
def test_ordered_outcomes_come(testing: Service, order: str, status: str, reason: str) -> None:
    record = testing.judged(_ordered(testing, order))
    assert record["status"] == status
    analysis = record["analysis_data"]
    assert analysis["deepfake_detection_data"]["verdict"] == order
    assert analysis["deepfake_detection_evidence"]["reason_code"] == reason
    assert not testing.analyser.inspected


def test_another_order_is_another_request(testing: Service) -> None:
    def create(order: str) -> int:
        headers = {**testing.auth, HEADER: order, "idempotency-key": "one-and-the-same"}
        return testing.client.post("/v1/sessions", json=APPLICANT, headers=headers).status_code

    assert [create("LIVE"), create("LIVE"), create("DEEPFAKE")] == [201, 201, 409]


def test_a_failure_can_be_ordered(testing: Service) -> None:
    record = testing.judged(_ordered(testing, "FAILED"))
    assert (record["status"], record["failure_reason"]) == ("FAILED", "analysis_crashed")


def test_each_attempt_has_an_outcome_of_its_own(testing: Service) -> None:
    session_id = _ordered(testing, "DEEPFAKE, LIVE")
    assert testing.judged(session_id)["status"] == "REJECTED"
    again = testing.client.post(f"/v1/sessions/{session_id}/attempts", headers=testing.auth)
    testing.capture(testing.token_of(again.json()))
    verdict = testing.judged(session_id)["analysis_data"]["deepfake_detection_data"]["verdict"]
    assert verdict == "LIVE"


def test_without_an_order_the_layers_decide(start_service: StartService) -> None:
    service = start_service(environment="test")
    service.judged(service.captured())
    assert len(service.analyser.analysed) == 1


def test_everything_is_marked(start_service: StartService, receiver: Receiver) -> None:
    service = start_service(environment="test", webhook_schedule_s=AT_ONCE, **INSIDE)
    assert service.key.startswith("bf_test_")
    hooks = Hooks(service, receiver)
    endpoint = hooks.endpoint(events=["*"])
    session_id = _ordered(service, "LIVE")
    assert service.judged(session_id)["environment"] == "test"
    for path in ("/healthz", "/nowhere", "/v1/sessions", f"/v1/sessions/{session_id}"):
        answer = service.client.get(path, headers=service.auth)
        assert answer.headers["x-bonafide-environment"] == "test"
    for got in receiver.wait_for(3):
        event = verified(got, endpoint["secret"])
        assert event["environment"] == "test"
        assert event["data"]["session_record"]["environment"] == "test"


def test_production_carries_no_mark_and_takes_no_order(
    start_service: StartService, receiver: Receiver
) -> None:
    service = start_service(webhook_schedule_s=AT_ONCE, **INSIDE)
    assert not service.key.startswith("bf_test_")
    endpoint = Hooks(service, receiver).endpoint()
    created = service.create()
    assert "environment" not in service.retrieve(created["id"])["session_record"]
    assert "x-bonafide-environment" not in service.client.get("/healthz").headers
    assert "environment" not in verified(receiver.wait_for(1)[0], endpoint["secret"])
    headers = service.auth | {HEADER: "LIVE"}
    refused = service.client.post("/v1/sessions", json=APPLICANT, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "TEST_MODE_OFF")


@pytest.mark.parametrize("order", ["", "live", "LIVE,,", "LIVE," * 20 + "LIVE", "VERIFIED"])
def test_odd_orders_are_refused(testing: Service, order: str) -> None:
    headers = testing.auth | {HEADER: order}
    refused = testing.client.post("/v1/sessions", json=APPLICANT, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("made_in", ["production", "test"])
def test_a_database_serves_one_environment_for_ever(
    tmp_path: Path, database_url: str, made_in: str
) -> None:
    def opened(environment: str) -> Database:
        address = {"database_url": database_url, "public_url": "http://inside"}
        return Database(settings_in(tmp_path, environment=environment, **address))

    made = opened(made_in)
    made.create()
    made.check()
    key = create_key(made, name="its own").text
    assert identify(made, key) is not None
    other = opened("test" if made_in == "production" else "production")
    for use in (other.create, other.check):
        with pytest.raises(
            WrongEnvironmentError, match=f"made with BONAFIDE_ENVIRONMENT={made_in}"
        ):
            use()
    assert identify(other, key) is None  # even if somebody got that far
    made.close()
    other.close()


def test_what_looks_like_production_is_refused(tmp_path: Path) -> None:
    def settings(**changes: str) -> Settings:
        return settings_in(tmp_path, environment="test", **changes)

    with pytest.raises(ValidationError, match="what production looks like"):
        settings(database_url="postgresql://db/bonafide")
    settings(database_url="postgresql://db/bonafide", public_url="http://inside")
    settings()


@pytest.mark.parametrize("command", [["keys", "create"], ["migrate"], ["serve"]])
def test_commands_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    database = Database(settings_in(tmp_path))
    database.create()
    database.close()
    monkeypatch.setenv("BONAFIDE_ENVIRONMENT", "test")
    folder = ["--data-dir", str(tmp_path / "data")]
    result = CliRunner().invoke(command_line, [*command, *folder])
    assert result.exit_code == 1
    assert "error [WRONG_ENVIRONMENT]" in result.output
