"""DELETE /v1/sessions/{id}: who may, what is answered, and what happens to work under way."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlmodel import select

from service.keys import DEFAULT_SCOPES, Scope, create_key
from service.media.erasure import finish_erasures
from service.media.store import MediaStoreError
from service.tables import Attempt
from tests.service.running_service import Service, StartService
from tests.service.service_builders import BuilderAnalyser, capture_parts, description
from tests.service.tenants import new_tenant


def _erasing(service: Service) -> dict[str, str]:
    return service.new_key(scopes=[*DEFAULT_SCOPES, Scope.DELETE])


def test_erased_session_is_gone_and_its_receipt_stays(service: Service) -> None:
    session_id = service.captured()
    links = service.retrieve(session_id)["resource_links"]
    service.judged(session_id)
    auth = _erasing(service)
    answer = service.client.delete(f"/v1/sessions/{session_id}", headers=auth)
    assert answer.status_code == 200, answer.text
    receipt = answer.json()
    assert receipt["captures"] == 1
    assert receipt["objects"] == 7
    assert receipt["finished_at"] is not None
    assert service.client.get(f"/v1/sessions/{session_id}", headers=auth).status_code == 404
    assert all(service.client.get(link).status_code == 404 for link in links.values())
    listed = service.client.get("/v1/sessions", headers=auth).json()
    assert listed["total"] == 0
    stored = service.context.settings.data_dir / "media"
    assert not [file for file in stored.rglob("*") if file.is_file()]
    again = service.client.delete(f"/v1/sessions/{session_id}", headers=auth)
    assert (again.status_code, again.json()) == (200, receipt)
    assert service.client.get(f"/v1/erasures/{session_id}", headers=auth).json() == receipt


def test_the_receipt_proves_itself(service: Service) -> None:
    session_id = service.captured()
    auth = _erasing(service)
    receipt = service.client.delete(f"/v1/sessions/{session_id}", headers=auth).json()
    said = {k: v for k, v in receipt.items() if k not in ("proof_sha256", "finished_at")}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == receipt["proof_sha256"]
    reader = service.new_key(scopes=[Scope.AUDIT_READ])
    entries = service.client.get("/v1/audit", headers=reader).json()["data"]
    (entry,) = [one for one in entries if one["action"] == "session.erased"]
    assert entry["subject_id"] == session_id
    assert entry["details"]["proof_sha256"] == receipt["proof_sha256"]


def test_who_may_erase(service: Service) -> None:
    session_id = service.create()["id"]
    path = f"/v1/sessions/{session_id}"
    assert service.client.delete(path, headers=service.auth).status_code == 403
    stranger = new_tenant(service.context.database)
    key = create_key(
        service.context.database,
        name="other",
        scopes=[Scope.DELETE, Scope.READ],
        organization_id=stranger.organization_id,
    )
    other = {"x-api-key": key.text}
    assert service.client.delete(path, headers=other).status_code == 404
    assert service.client.delete(path, headers=_erasing(service)).status_code == 200
    assert service.client.delete(path, headers=other).status_code == 404
    assert service.client.get(f"/v1/erasures/{session_id}", headers=other).status_code == 404


def test_erased_before_its_capture_was_sent(service: Service) -> None:
    created = service.create()
    token = service.token_of(created)
    capture = description(service.steps(token))
    service.client.delete(f"/v1/sessions/{created['id']}", headers=_erasing(service))
    sent = service.client.post(f"/v1/captures/{token}", files=capture_parts(capture))
    assert (sent.status_code, sent.json()["error"]["code"]) == (404, "CAPTURE_TOKEN_UNKNOWN")


def _assert_nothing_came_back(service: Service) -> None:
    data_dir = service.context.settings.data_dir
    assert not [one for one in (data_dir / "media").rglob("*") if one.is_file()]
    assert not list((data_dir / "staging").iterdir())
    with service.context.database.read() as db:
        assert not db.exec(select(Attempt)).all()
    assert service.judged(service.captured())["status"] == "SUBMITTED"


def test_erased_while_its_capture_is_sent(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(inspect_pause_s=0.6))
    created, auth = service.create(), _erasing(service)
    token = service.token_of(created)
    parts = capture_parts(description(service.steps(token)))
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(service.client.post, f"/v1/captures/{token}", files=parts)
        _until(lambda: service.analyser.inspected)
        erased = service.client.delete(f"/v1/sessions/{created['id']}", headers=auth)
        assert erased.status_code == 200, erased.text
        assert sending.result().status_code == 404
    _assert_nothing_came_back(service)


def test_erased_while_it_is_analysed(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(analyse_pause_s=0.6))
    session_id = service.captured()
    _until(lambda: service.analyser.analysed)
    erased = service.client.delete(f"/v1/sessions/{session_id}", headers=_erasing(service))
    assert erased.status_code == 200, erased.text
    time.sleep(0.9)
    _assert_nothing_came_back(service)


def test_what_the_store_could_not_delete_is_deleted_later(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = service.captured()
    auth, store = _erasing(service), service.context.media.store

    def fails(_prefix: str) -> int:
        raise MediaStoreError

    with monkeypatch.context() as patch:
        patch.setattr(store, "delete", fails)
        answer = service.client.delete(f"/v1/sessions/{session_id}", headers=auth)
    assert (answer.status_code, answer.json()["finished_at"]) == (200, None)
    assert store.names(f"captures/{session_id}")
    assert finish_erasures(service.context) == 1
    assert not store.names(f"captures/{session_id}")
    receipt = service.client.get(f"/v1/erasures/{session_id}", headers=auth).json()
    assert receipt["finished_at"] is not None
    assert finish_erasures(service.context) == 0


def _until(condition: Callable[[], object]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not come to that")
