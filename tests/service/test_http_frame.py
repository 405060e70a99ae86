"""Around every request: ids, headers, logs without tokens, faults in the one error shape."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy.exc import OperationalError

from service.api.schemas import ErrorBody, Readiness
from service.logs import JsonLines
from tests.service.running_service import Service


def test_health(service: Service) -> None:
    assert service.client.get("/healthz").json() == {"status": "ok"}
    ready = service.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ready",
        "checks": dict.fromkeys(
            ("database", "queue", "store", "master_key", "models", "accepting"), True
        ),
    }
    service.analyser.is_ready = False
    not_ready = service.client.get("/readyz")
    assert not_ready.status_code == 503
    assert Readiness.model_validate(not_ready.json()).checks["models"] is False


def test_every_answer_carries_security_headers(service: Service) -> None:
    for path in ("/healthz", "/v1/sessions", "/nowhere", "/s/token", "/page/capture.css"):
        headers = service.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["strict-transport-security"]
        assert headers["x-request-id"]


def test_unknown_path_and_method_have_the_error_shape(service: Service) -> None:
    nowhere = service.client.get("/nowhere")
    assert nowhere.status_code == 404
    assert ErrorBody.model_validate(nowhere.json()).error.code == "NOT_FOUND"
    wrong = service.client.delete("/v1/sessions")
    assert wrong.status_code == 405
    assert ErrorBody.model_validate(wrong.json()).error.code == "METHOD_NOT_ALLOWED"
    assert wrong.headers["allow"]


def test_fault_is_answered_in_the_error_shape(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret words")

    monkeypatch.setattr("service.api.sessions.list_sessions", broken)
    response = service.client.get("/v1/sessions", headers=service.auth)
    assert response.status_code == 500
    error = ErrorBody.model_validate(response.json()).error
    assert error.code == "INTERNAL_ERROR"
    assert error.request_id == response.headers["x-request-id"]
    assert "secret" not in response.text


def test_logs_hold_no_token_key_name_or_word(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="service")
    created = service.create(first_name="Zebedee")
    token = service.token_of(created)
    phrase = service.client.get(f"/v1/captures/{token}").json()["challenge"]["phrase"]
    service.capture(token)
    service.judged(created["id"])
    service.client.get(f"/s/{token}")
    lines = "\n".join(JsonLines().format(record) for record in caplog.records)
    assert "/v1/captures/{token}" in lines
    assert "verdict recorded" in lines
    for secret in (token, service.key, "Zebedee", phrase, "ada@example.com", "+1555"):
        assert secret not in lines


def test_database_that_is_away_is_said_and_passes(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("unable to open database file"))

    with monkeypatch.context() as patched:
        patched.setattr(service.context.database.engine, "connect", away)
        not_ready = service.client.get("/readyz")
        checks = not_ready.json()["checks"]
        assert [name for name, is_well in checks.items() if not is_well] == ["database"]
    with monkeypatch.context() as patched:
        patched.setattr("service.api.sessions.list_sessions", away)
        response = service.client.get("/v1/sessions", headers=service.auth)
        assert (response.status_code, response.json()["error"]["code"]) == (503, "NOT_READY")
        assert response.headers["retry-after"]
    assert service.client.get("/v1/sessions", headers=service.auth).status_code == 200
