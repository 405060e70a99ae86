"""Idempotency-Key: one effect, the first answer again, and nothing of it in clear."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from service.keys import Scope, create_key
from tests.service.running_service import Service, StartService
from tests.service.service_builders import APPLICANT
from tests.service.tenants import new_tenant

_HOOK = {"url": "https://shop.example.com/hooks/token-in-the-path"}
_CASES = [
    ("/v1/sessions", APPLICANT, APPLICANT | {"first_name": "Grace"}),
    ("/v1/webhook-endpoints", _HOOK, _HOOK | {"description": "other"}),
    ("/v1/api-keys", {"name": "shop"}, {"name": "other"}),
]


def _key(service: Service, **more: str) -> dict[str, str]:
    return service.new_key(scopes=list(Scope)) | {"idempotency-key": "order-4711"} | more


@pytest.mark.parametrize(("path", "body", "other"), _CASES)
def test_a_repeated_request_gets_the_first_answer(
    service: Service, path: str, body: dict[str, Any], other: dict[str, Any]
) -> None:
    headers = _key(service)
    first = service.client.post(path, json=body, headers=headers)
    assert first.status_code == 201, first.text
    assert "idempotency-replayed" not in first.headers
    again = service.client.post(path, json=body, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    changed = service.client.post(path, json=other, headers=headers)
    assert changed.status_code == 409
    assert changed.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
    # Another request of the tenant, with the same key and a body that could be the same.
    path_of_other = next(one for one, _, _ in _CASES if one != path)
    elsewhere = service.client.post(path_of_other, json=_body_of(path_of_other), headers=headers)
    assert elsewhere.status_code == 409
    # A request that failed leaves the key free.
    free = headers | {"idempotency-key": "free"}
    assert service.client.post(path, json={"name": 1}, headers=free).status_code == 422
    assert service.client.post(path, json=body, headers=free).status_code == 201


def _body_of(path: str) -> dict[str, Any]:
    return next(body for one, body, _ in _CASES if one == path)


def test_keys_of_two_tenants_are_two_keys(service: Service) -> None:
    other = new_tenant(service.context.database)
    body = APPLICANT | {"workflow_id": other.workflow_id}
    once = {"idempotency-key": "order-4711"}
    first = service.client.post("/v1/sessions", json=APPLICANT, headers=service.auth | once)
    second = service.client.post("/v1/sessions", json=body, headers=other.auth | once)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


def test_nothing_of_an_answer_is_kept_in_clear(service: Service) -> None:
    headers = _key(service)
    created = service.client.post("/v1/sessions", json=APPLICANT, headers=headers).json()
    other = headers | {"idempotency-key": "second"}
    made = service.client.post("/v1/api-keys", json={"name": "shop"}, headers=other).json()
    third = headers | {"idempotency-key": "third"}
    hook = service.client.post("/v1/webhook-endpoints", json=_HOOK, headers=third).json()
    service.context.database.flush_log()
    stored = (service.context.settings.data_dir / "bonafide.sqlite3").read_bytes()
    assert created["id"].encode() in stored  # the row of the session: the search finds things
    for secret in (
        made["key"],
        made["key"].rsplit("_", 1)[1],
        hook["secret"],
        service.token_of(created),
        "order-4711",
    ):
        assert secret.encode() not in stored


def _at_once(service: Service, path: str, body: Any, headers: dict[str, str]) -> list[Any]:
    answers: list[Any] = []
    gate = threading.Barrier(6)

    def send() -> None:
        client = TestClient(service.client.app, base_url="https://kyc.example.com")
        gate.wait()
        answers.append(client.post(path, json=body, headers=headers))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_requests_at_the_same_time_make_one(start_service: StartService, database_url: str) -> None:
    service = start_service(database_url=database_url)
    headers = _key(service)
    for path, body, _ in _CASES:
        answers = _at_once(service, path, body, headers | {"idempotency-key": path})
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1
        replayed = [answer.headers.get("idempotency-replayed") for answer in answers]
        assert replayed.count("true") == 5
    with service.context.database.read() as db:
        count = "SELECT count(*) FROM {}"
        for table in ("sessions", "webhook_endpoints", "idempotent_answers"):
            expected = 3 if table == "idempotent_answers" else 1
            assert db.connection().execute(text(count.format(table))).scalar_one() == expected


def test_an_answer_that_another_secret_sealed_is_not_given(
    start_service: StartService,
) -> None:
    service = start_service()
    headers = _key(service)
    assert service.client.post("/v1/sessions", json=APPLICANT, headers=headers).status_code == 201
    with service.context.database.write() as db:
        db.connection().execute(text("UPDATE idempotent_answers SET sealed = zeroblob(60)"))
    again = service.client.post("/v1/sessions", json=APPLICANT, headers=headers)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_a_secret_is_shown_again_only_to_the_key_that_asked(service: Service) -> None:
    strong, small = _key(service), service.new_key(scopes=[Scope.KEYS_WRITE])
    target = create_key(service.context.database, name="strong", scopes=list(Scope))
    cases: list[tuple[str, dict[str, Any]]] = [
        (f"/v1/api-keys/{target.id}/rotate", {}),
        ("/v1/api-keys", {"name": "shop", "scopes": ["keys:write"]}),
        ("/v1/webhook-endpoints", _HOOK),
    ]
    for path, body in cases:
        named = {"idempotency-key": path}
        first = service.client.post(path, json=body, headers=strong | named)
        again = service.client.post(path, json=body, headers=strong | named)
        assert (again.status_code, again.json()) == (201, first.json())
        other = service.new_key(scopes=list(Scope)) if path.endswith("endpoints") else small
        refused = service.client.post(path, json=body, headers=other | named)
        assert refused.status_code == 409
        assert refused.json()["error"]["code"] == "IDEMPOTENCY_KEY_REUSED"
