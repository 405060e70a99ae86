"""Create, retrieve, list and change sessions over HTTP."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.api.schemas import RetrievedSession, SessionCreated, SessionPage
from service.casing import Casing
from service.idempotency import forget_answers
from service.keys import Scope, revoke_key
from tests.service.running_service import Service, StartService
from tests.service.service_builders import (
    APPLICANT,
    BuilderAnalyser,
    deepfake_evidence,
    evidence,
)


def test_created_session_has_the_contract_shape(service: Service) -> None:
    created = service.create(external_id="customer-1")
    SessionCreated.model_validate(created)
    assert created["external_id"] == "customer-1"
    assert created["links"] == [{"url": created["session_url"], "type": "session"}]
    assert created["session_url"].startswith("https://kyc.example.com/s/")


def test_retrieved_session_has_the_contract_shape(service: Service) -> None:
    retrieved = service.retrieve(service.captured())
    RetrievedSession.model_validate(retrieved)
    service.judged(retrieved["session_record"]["id"])
    RetrievedSession.model_validate(service.retrieve(retrieved["session_record"]["id"]))


def test_both_casings_are_read_and_camel_wins(service: Service) -> None:
    body = {
        "firstName": "Camel",
        "first_name": "Snake",
        "lastName": "Example",
        "email": "ada@example.com",
        "phone": "+15550100000",
        "externalId": "camel-1",
    }
    response = service.client.post("/v1/sessions", json=body, headers=service.auth)
    session = service.retrieve(response.json()["id"])
    assert session["user"]["first_name"] == "Camel"
    assert session["session_record"]["external_id"] == "camel-1"


def test_camel_key_gets_every_field_in_camel_case(start_service: StartService) -> None:
    service = start_service(BuilderAnalyser(evidence=deepfake_evidence()))
    session_id = service.captured()
    service.judged(session_id)
    camel = service.new_key(casing=Casing.CAMEL)
    session = service.client.get(f"/v1/sessions/{session_id}", headers=camel).json()
    record = session["sessionRecord"]
    data = record["analysisData"]["deepfakeDetectionData"]
    assert data["layerResults"]["liveness"]["checks"] == {
        "landmarkDetection": True,
        "blinkDetection": True,
        "headMovement": True,
        "frameTiming": True,
    }
    assert data["layerResults"]["voice"]["wordMatch"] is True
    assert data["riskScore"] == 78
    assert "senderUser" in session
    assert record["metaData"]["applicantSubmissionIp"] == "testclient"
    found = record["analysisData"]["deepfakeDetectionEvidence"]
    assert set(found["vision"]["signals"]) == {"BOUNDARY_ARTIFACTS", "TEXTURE_SMOOTHING"}
    assert found["vision"]["signals"]["TEXTURE_SMOOTHING"]["pAttack"] == 0.9
    assert found["vision"]["features"] == {"cheek_energy": 0.4}
    assert found["models"] == {"face_landmark": "sha256:00"}
    assert not _snake_keys(session, skip={"features", "models", "resourceLinks", "uploads"})
    page = service.client.get("/v1/sessions?limit=1", headers=camel).json()
    assert page["hasMore"] is False
    assert page["data"][0]["sessionProgress"] == "COMPLETED"


def _snake_keys(value: Any, skip: set[str]) -> list[str]:
    if isinstance(value, list):
        return [key for child in value for key in _snake_keys(child, skip)]
    if not isinstance(value, dict):
        return []
    own = [key for key in value if "_" in key and key == key.lower()]
    deeper = [
        key for name, child in value.items() if name not in skip for key in _snake_keys(child, skip)
    ]
    return own + deeper


def test_errors_follow_the_casing_of_the_key(service: Service) -> None:
    camel = service.new_key(casing=Casing.CAMEL)
    error = service.client.post("/v1/sessions", json={}, headers=camel).json()["error"]
    assert error["requestId"]
    assert {"field": "firstName", "message": "Field required"} in error["fields"]
    json_header = camel | {"content-type": "application/json"}
    for before_the_key in (
        service.client.post("/v1/sessions", content=b"{", headers=json_header),
        service.client.post("/v1/sessions", content=b"{}", headers=camel),
        service.client.get("/v1/nothing", headers=camel),
    ):
        assert before_the_key.status_code in (400, 404, 415)
        assert before_the_key.json()["error"]["requestId"]


@pytest.mark.parametrize("key", [None, "", "nonsense", "bf_0000000000000000_" + 43 * "A"])
def test_wrong_or_missing_key_is_refused(service: Service, key: str | None) -> None:
    headers = {} if key is None else {"x-api-key": key}
    response = service.client.get("/v1/sessions", headers=headers)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "UNAUTHENTICATED"
    assert "www-authenticate" in response.headers


def test_revoked_key_and_missing_scope_are_refused(service: Service) -> None:
    reader = service.new_key(scopes=[Scope.READ])
    refused = service.client.post("/v1/sessions", json=APPLICANT, headers=reader)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert service.client.get("/v1/sessions", headers=reader).status_code == 200
    revoke_key(service.context.database, reader["x-api-key"].split("_")[1])
    assert service.client.get("/v1/sessions", headers=reader).status_code == 401


def test_idempotency_key_makes_one_session(service: Service) -> None:
    headers = service.auth | {"Idempotency-Key": "order-1"}
    first, second = (
        service.client.post("/v1/sessions", json=APPLICANT, headers=headers) for _ in range(2)
    )
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    other = service.client.post(
        "/v1/sessions", json=APPLICANT | {"first_name": "Eve"}, headers=headers
    )
    assert (other.status_code, other.json()["error"]["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert service.client.get("/v1/sessions", headers=service.auth).json()["total"] == 1


def test_same_idempotency_key_at_once_makes_one_session(service: Service) -> None:
    headers = service.auth | {"Idempotency-Key": "order-1"}

    def create(_: int) -> str:
        response = service.client.post("/v1/sessions", json=APPLICANT, headers=headers)
        return str(response.json()["id"])

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(create, range(12)))) == 1


def test_idempotency_keys_that_ran_out_are_forgotten(start_service: StartService) -> None:
    service = start_service(idempotency_ttl_s=0.05)
    headers = service.auth | {"Idempotency-Key": "order-1"}
    service.client.post("/v1/sessions", json=APPLICANT, headers=headers)
    time.sleep(0.1)
    assert forget_answers(service.context) == 1
    assert forget_answers(service.context) == 0


def test_what_is_wrong_is_said_once_and_at_the_field(service: Service) -> None:
    answer = service.client.get("/v1/sessions?start_date=yesterday", headers=service.auth)
    message = "Input should be a date, or a date and time, in ISO 8601"
    assert answer.json()["error"]["fields"] == [{"field": "start_date", "message": message}]
    path = f"/v1/sessions/{service.create()['id']}"
    answer = service.client.patch(path, json={}, headers=service.auth)
    assert answer.json()["error"]["fields"][0]["message"].startswith("send new_status")


def test_idempotency_key_is_free_again_after_its_time(start_service: StartService) -> None:
    service = start_service(idempotency_ttl_s=0.001)
    headers = service.auth | {"Idempotency-Key": "order-1"}
    first = service.client.post("/v1/sessions", json=APPLICANT, headers=headers).json()
    second = service.client.post("/v1/sessions", json=APPLICANT, headers=headers).json()
    assert first["id"] != second["id"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"phone": "0123"}, "phone"),
        ({"email": "nobody"}, "email"),
        ({"first_name": "  "}, "first_name"),
        ({"redirect_url": "http://shop.example.com"}, "redirect_url"),
        ({"redirect_url": "javascript:alert(1)"}, "redirect_url"),
        ({"workflow_id": "unknown"}, "workflow_id"),
    ],
)
def test_wrong_field_is_named(service: Service, change: dict[str, str], field: str) -> None:
    response = service.client.post("/v1/sessions", json=APPLICANT | change, headers=service.auth)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (422, "VALIDATION_ERROR")
    assert [one["field"] for one in error["fields"]] == [field]


def test_http_redirect_is_taken_where_allowed(start_service: StartService) -> None:
    service = start_service(allow_http_redirects=True)
    service.create(redirect_url="http://localhost:3000/done")


def test_body_that_is_no_json_is_refused(service: Service) -> None:
    headers = service.auth | {"content-type": "application/json"}
    broken = service.client.post("/v1/sessions", content=b"{", headers=headers)
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "BAD_REQUEST")
    plain = service.client.post(
        "/v1/sessions", content=b"{}", headers=service.auth | {"content-type": "text/plain"}
    )
    assert plain.json()["error"]["code"] == "UNSUPPORTED_MEDIA_TYPE"
    huge = service.client.post("/v1/sessions", content=bytes(2**20 + 1), headers=headers)
    assert (huge.status_code, huge.json()["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")


def test_list_filters_and_pages(service: Service) -> None:
    ids = [service.create(external_id=f"c-{index % 2}")["id"] for index in range(5)]

    def page(query: str) -> dict[str, Any]:
        response = service.client.get(f"/v1/sessions?{query}", headers=service.auth)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        SessionPage.model_validate(body)
        return body

    everything = page("")
    assert {one["id"] for one in everything["data"]} == set(ids)
    assert (everything["total"], everything["has_more"], everything["limit"]) == (5, False, 50)
    assert page("external_id=c-1")["total"] == 2
    assert page("externalId=c-1")["total"] == 2
    assert page("status=VERIFIED")["data"] == []
    assert page("workflow_id=nothing")["total"] == 0
    assert page("start_date=2999-01-01")["total"] == 0
    assert page("end_date=2999-01-01&start_date=2020-01-01T00:00:00Z")["total"] == 5
    assert page("end_date=2020-01-01")["total"] == 0

    seen, token = [], ""
    while True:
        current = page(f"limit=2{token}")
        seen += [one["id"] for one in current["data"]]
        if not current["has_more"]:
            break
        token = f"&next_token={current['next_token']}"
    assert sorted(seen) == sorted(ids)
    by_offset = [one["id"] for one in page("limit=2&offset=2")["data"]]
    assert by_offset == seen[2:4]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "status=DONE", "start_date=yesterday"])
def test_wrong_filter_is_refused(service: Service, query: str) -> None:
    response = service.client.get(f"/v1/sessions?{query}", headers=service.auth)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "VALIDATION_ERROR")


def test_wrong_next_token_is_refused(service: Service) -> None:
    for token in ("x", "eHg=", "äöü"):
        response = service.client.get(f"/v1/sessions?next_token={token}", headers=service.auth)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "BAD_REQUEST")


def test_today_counts_whole(service: Service) -> None:
    created = service.retrieve(service.create()["id"])["session_record"]["created_at"]
    day = created[:10]
    answer = service.client.get(
        f"/v1/sessions?start_date={day}&end_date={day}", headers=service.auth
    )
    assert answer.json()["total"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/update-status", {"new_status": "VERIFIED"}),
        ("/update-status", {"newStatus": "VERIFIED"}),
        ("", {"status": "VERIFIED"}),
    ],
)
def test_status_is_set_by_hand_in_both_forms(
    service: Service, path: str, body: dict[str, str]
) -> None:
    session_id = service.create()["id"]
    for _ in range(2):  # a client repeats after a lost answer
        response = service.client.patch(
            f"/v1/sessions/{session_id}{path}", json=body, headers=service.auth
        )
        assert response.status_code == 200
        record = response.json()["session_record"]
        assert (record["status"], record["is_final"], record["sequence"]) == ("VERIFIED", True, 2)


@pytest.mark.parametrize("status", ["PENDING", "SUBMITTED", "EXPIRED", "FAILED", "DONE"])
def test_other_statuses_cant_be_set(service: Service, status: str) -> None:
    path = f"/v1/sessions/{service.create()['id']}"
    response = service.client.patch(path, json={"status": status}, headers=service.auth)
    assert (response.status_code, response.json()["error"]["code"]) == (422, "VALIDATION_ERROR")


def test_final_session_stays_final(service: Service) -> None:
    path = f"/v1/sessions/{service.create()['id']}"
    service.client.patch(path, json={"status": "VOIDED"}, headers=service.auth)
    again = service.client.patch(path, json={"status": "VERIFIED"}, headers=service.auth)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "SESSION_TERMINAL")
    attempt = service.client.post(f"{path}/attempts", headers=service.auth)
    assert attempt.json()["error"]["code"] == "SESSION_TERMINAL"


def test_unknown_session_is_not_found(service: Service) -> None:
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/attempts")):
        response = service.client.request(
            method, f"/v1/sessions/unknown{path}", headers=service.auth, json={"status": "VOIDED"}
        )
        assert (response.status_code, response.json()["error"]["code"]) == (
            404,
            "SESSION_NOT_FOUND",
        )


@pytest.mark.parametrize(
    ("given", "status", "review"),
    [
        (evidence(), "SUBMITTED", False),
        (deepfake_evidence(), "REJECTED", False),
        (evidence(matched=False), "REJECTED", False),
        (evidence(vision=(0.45, 0.5), voice=(0.36, 0.6)), "SUBMITTED", True),
    ],
)
def test_verdict_sets_the_status(
    start_service: StartService, given: Any, status: str, review: bool
) -> None:
    service = start_service(BuilderAnalyser(evidence=given))
    record = service.judged(service.captured())
    assert (record["status"], record["review_required"]) == (status, review)


def test_live_is_verified_where_the_workflow_says_so(start_service: StartService) -> None:
    service = start_service(auto_verify=True)
    record = service.judged(service.captured())
    assert (record["status"], record["is_final"]) == ("VERIFIED", True)
    data = record["analysis_data"]["deepfake_detection_data"]
    assert (data["verdict"], data["risk_score"]) == ("LIVE", 18)


def test_a_key_that_may_not_read_gets_an_outline(service: Service) -> None:
    session_id = service.captured(external_id="customer-1", redirect_url="https://shop.example.com")
    service.judged(session_id)
    path, writer = f"/v1/sessions/{session_id}", service.new_key(scopes=[Scope.WRITE])
    for _ in range(2):  # the second changes nothing
        answer = service.client.patch(path, json={"status": "VERIFIED"}, headers=writer)
        assert answer.status_code == 200
        outline = answer.json()
        RetrievedSession.model_validate(outline)
        record = outline["session_record"]
        assert (record["id"], record["status"]) == (session_id, "VERIFIED")
        assert outline["resource_links"] == record["uploads"] == record["meta_data"] == {}
        for user in (outline["user"], outline["sender_user"]):
            assert {user[name] for name in ("first_name", "last_name", "email", "phone")} == {""}
        # A field that is new has to be thought of, here and in the view.
        whole = service.retrieve(session_id)["session_record"]
        assert set(whole) - set(record) == {
            "analysis_data", "capture", "external_id", "redirect_url", "submitted_at"
        }  # fmt: skip
        assert len(record) == 20
    assert service.client.get(path, headers=writer).status_code == 403
