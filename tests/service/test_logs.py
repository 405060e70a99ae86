"""Logs: what lines carry, in threads and jobs, too; what they never hold."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from service.logs import JsonLines, configure_logs, log_context, note_for_log
from tests.service.running_service import Service, StartService
from tests.service.service_builders import APPLICANT, BuilderAnalyser


class _Lines(logging.Handler):
    """Keeps lines as they would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonLines())
        self.addFilter(lambda record: not record.name.startswith("httpx"))  # the test's client
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts]


@pytest.fixture
def written() -> Iterator[_Lines]:
    handler, root = _Lines(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def root_kept() -> Iterator[None]:
    """Puts back what `configure_logs` changes."""
    loggers = [logging.getLogger(name) for name in (None, "service", "layers", "verdict")]
    loggers += [logging.getLogger("uvicorn.error"), logging.getLogger("python_multipart")]
    before = [(one, one.level, one.handlers) for one in loggers]
    yield
    for one, level, handlers in before:
        one.setLevel(level)
        one.handlers = handlers


def test_a_client_may_name_its_request(service: Service) -> None:
    named = service.client.get("/healthz", headers={"x-request-id": "order-4711_abc"})
    assert named.headers["x-request-id"] == "order-4711_abc"
    for bad in (
        "short",
        "ada@example.com",
        "a" * 65,
        "two words here",
        'in"jected',
        "bf_0123456789abcdef_key",
    ):
        answer = service.client.get("/healthz", headers={"x-request-id": bad})
        assert answer.headers["x-request-id"] != bad
        assert len(answer.headers["x-request-id"]) == 32


def test_lines_carry_request_tenant_session_and_attempt(service: Service, written: _Lines) -> None:
    session_id = service.captured()
    service.judged(session_id)
    requests = [line for line in written.lines if line["message"] == "request"]
    sent = next(line for line in requests if line["status"] == 202)
    read = next(line for line in requests if line["route"] == "/v1/sessions/{session_id}")
    for line in (sent, read):
        assert line["session_id"] == session_id
        assert line["organization_id"].startswith("00000000")
        assert len(line["request_id"]) == 32
    assert sent["attempt"] == 1
    judged = next(line for line in written.lines if line["message"] == "verdict recorded")
    assert (judged["session_id"], judged["attempt"], judged["rule"]) == (session_id, 1, 6)
    assert judged["organization_id"].startswith("00000000")
    assert judged["attempt_id"]


def test_lines_hold_no_person_no_token_and_no_key(
    start_service: StartService, written: _Lines
) -> None:
    service = start_service(BuilderAnalyser(analyse_errors=[RuntimeError("lemon tower")]))
    created = service.create(external_id="customer-4711")
    token = service.token_of(created)
    service.capture(token)
    service.client.post(f"/v1/captures/{token}", content=b"again")  # refused: used
    service.client.get(f"/v1/captures/{token}?email=ada@example.com")
    service.client.post("/v1/sessions", json=APPLICANT | {"email": "no address"})
    service.judged(created["id"])
    text = "\n".join(written.texts)
    assert "verdict recorded" in text
    secrets = [*APPLICANT.values(), token, service.key, "customer-4711", "lemon", "no address"]
    assert [secret for secret in secrets if secret in text] == []


def test_a_context_ends_with_its_job(written: _Lines) -> None:
    log = logging.getLogger("service.test")
    note_for_log(session_id="nobody's")
    with log_context(attempt_id="one"):
        note_for_log(session_id="own")
        log.warning("inside")
    log.warning("outside")
    inside, outside = written.lines
    assert (inside["attempt_id"], inside["session_id"]) == ("one", "own")
    assert "session_id" not in outside


@pytest.mark.usefixtures("root_kept")
def test_text_for_people_and_silence_of_libraries() -> None:
    stream = io.StringIO()
    configure_logs("DEBUG", "text", stream)
    logging.getLogger("httpcore").debug("authorization: secret")
    logging.getLogger("service.test").debug("seen", extra={"count": 3})
    assert "secret" not in stream.getvalue()
    assert stream.getvalue().rstrip().endswith("DEBUG   seen  count=3")
    configure_logs("INFO", "auto", stream)  # no terminal
    logging.getLogger("service.test").info("line")
    assert json.loads(stream.getvalue().splitlines()[-1])["message"] == "line"
