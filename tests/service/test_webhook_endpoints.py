"""Make, read, change and remove webhook endpoints over HTTP; whose they are; who may."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from service.api.webhook_schemas import (
    WebhookDelivery,
    WebhookDeliveryPage,
    WebhookDeliveryWithLog,
    WebhookEndpoint,
    WebhookEndpointList,
    WebhookEndpointWithSecret,
    WebhookReplay,
)
from service.casing import Casing
from service.keys import Scope
from service.webhooks.tables import DeliveryRow, SecretRow, TryRow
from tests.service.running_service import Service, StartService
from tests.service.tenants import new_tenant
from tests.service.webhook_builders import Hooks

_URL = "https://hooks.example.com/kyc"
_ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("PATCH", "", {"enabled": False}),
    ("DELETE", "", None),
    ("POST", "/rotate-secret", {}),
    ("POST", "/test", None),
    ("GET", "/deliveries", None),
    ("GET", "/deliveries/{delivery}", None),
    ("POST", "/deliveries/{delivery}/replay", None),
    ("POST", "/replay", {"since": "2020-01-01"}),
]


def _create(service: Service, **body: Any) -> Any:
    return service.client.post(
        "/v1/webhook-endpoints", json={"url": _URL} | body, headers=service.auth
    )


def test_an_endpoint_and_its_secret_shown_once(service: Service) -> None:
    response = _create(service, description=" production ", events=["session.*"])
    assert response.status_code == 201
    made = response.json()
    WebhookEndpointWithSecret.model_validate(made)
    assert made["secret"].startswith("whsec_")
    assert made["description"] == "production"
    assert made["enabled"]
    read = service.client.get(f"/v1/webhook-endpoints/{made['id']}", headers=service.auth)
    WebhookEndpoint.model_validate(read.json())
    assert read.json() == {name: made[name] for name in made if name != "secret"}
    listed = service.client.get("/v1/webhook-endpoints", headers=service.auth)
    WebhookEndpointList.model_validate(listed.json())
    assert listed.json() == {"data": [read.json()]}
    with service.context.database.read() as db:
        (row,) = db.exec(select(SecretRow)).all()
    assert made["secret"].encode() not in row.sealed


def test_what_an_endpoint_gets_that_names_no_events(service: Service) -> None:
    assert _create(service).json()["events"] == ["session.created", "session.status.*"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://hooks.example.com/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://0x7f.1/"}, "url"),
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"events": []}, "events"),
        ({"events": ["session.status.pending"]}, "events.0"),
        ({"events": ["session.created", "nothing.*"]}, "events.1"),
        ({"casing": "kebab"}, "casing"),
        ({"description": 501 * "x"}, "description"),
    ],
)
def test_what_is_refused(service: Service, body: dict[str, Any], field: str) -> None:
    response = _create(service, **body)
    assert response.status_code == 422
    assert [one["field"] for one in response.json()["error"]["fields"]] == [field]
    assert service.client.get("/v1/webhook-endpoints", headers=service.auth).json() == {"data": []}


def test_camel_case_in_and_out(service: Service) -> None:
    camel = service.new_key(casing=Casing.CAMEL)
    made = service.client.post("/v1/webhook-endpoints", json={"url": _URL}, headers=camel).json()
    assert "failingSince" in made
    path = f"/v1/webhook-endpoints/{made['id']}"
    rotated = service.client.post(f"{path}/rotate-secret", json={"overlapS": 60}, headers=camel)
    assert len(rotated.json()["secrets"]) == 2
    page = service.client.get(f"{path}/deliveries?nextToken=&subjectId=x", headers=camel)
    assert page.status_code == 400  # an empty token was read, as camelCase
    page = service.client.get(f"{path}/deliveries?subjectId=x", headers=camel)
    assert page.json() == {"data": [], "hasMore": False, "limit": 50, "nextToken": None}


def test_change(service: Service) -> None:
    made = _create(service, description="first").json()
    path = f"/v1/webhook-endpoints/{made['id']}"

    def patch(**body: Any) -> Any:
        return service.client.patch(path, json=body, headers=service.auth)

    changed = patch(url="https://other.example.com/", events=["*"], casing="camel").json()
    assert (changed["url"], changed["events"]) == ("https://other.example.com/", ["*"])
    assert (changed["casing"], changed["description"]) == ("camel", "first")
    assert patch(description=None).json()["description"] is None
    off = patch(enabled=False).json()
    assert (off["enabled"], off["disabled_reason"]) == (False, "by_hand")
    assert off["disabled_at"]
    on = patch(enabled=True).json()
    assert (on["enabled"], on["disabled_reason"], on["disabled_at"]) == (True, None, None)
    refused = patch(url="https://127.0.0.1/")
    assert refused.status_code == 422
    assert patch().json()["url"] == "https://other.example.com/"


def test_there_are_only_so_many(start_service: StartService) -> None:
    service = start_service(max_webhook_endpoints=2)
    assert [_create(service).status_code for _ in range(3)] == [201, 201, 409]
    assert _create(service).json()["error"]["code"] == "TOO_MANY_ENDPOINTS"
    other = new_tenant(service.context.database)
    response = service.client.post("/v1/webhook-endpoints", json={"url": _URL}, headers=other.auth)
    assert response.status_code == 201


def test_removed_with_all_that_was_its_own(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    hooks.service.create()
    hooks.settled(endpoint["id"])
    hooks.call("DELETE", endpoint["id"], expect=204)
    hooks.call("GET", endpoint["id"], expect=404)
    with hooks.service.context.database.read() as db:
        for table in (SecretRow, DeliveryRow, TryRow):
            assert db.exec(select(table)).all() == []
    hooks.service.create()  # nobody is to be told, and that is fine


@pytest.mark.parametrize(("method", "path", "body"), _ROUTES)
def test_another_tenants_endpoint_is_not_there(
    hooks: Hooks, method: str, path: str, body: Any
) -> None:
    endpoint = hooks.endpoint()
    hooks.service.create()
    (delivery,) = hooks.settled(endpoint["id"])
    url = f"/v1/webhook-endpoints/{endpoint['id']}{path.format(delivery=delivery['id'])}"
    other = new_tenant(hooks.service.context.database)
    response = hooks.service.client.request(method, url, json=body, headers=other.auth)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "WEBHOOK_ENDPOINT_NOT_FOUND"
    listed = hooks.service.client.get("/v1/webhook-endpoints", headers=other.auth)
    assert listed.json() == {"data": []}
    assert hooks.call("GET", endpoint["id"])["enabled"]
    assert hooks.deliveries(endpoint["id"]) == [delivery]
    assert len(hooks.receiver.got) == 1


def test_another_endpoints_delivery_is_not_there(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    hooks.service.create()
    (delivery,) = hooks.settled(endpoint["id"])
    other = hooks.endpoint(enabled=False)
    hooks.call("GET", f"{other['id']}/deliveries/{delivery['id']}", expect=404)
    hooks.call("PATCH", other["id"], json={"enabled": True})
    hooks.call("POST", f"{other['id']}/deliveries/{delivery['id']}/replay", expect=404)


def test_another_tenants_events_stay_with_it(hooks: Hooks) -> None:
    mine = hooks.endpoint(events=["*"])
    other = new_tenant(hooks.service.context.database)
    body = {
        "first_name": "Bo",
        "last_name": "Other",
        "email": "bo@example.com",
        "phone": "+15550100001",
        "workflow_id": other.workflow_id,
    }
    made = hooks.service.client.post("/v1/sessions", json=body, headers=other.auth)
    assert made.status_code == 201
    hooks.service.create()
    (delivery,) = hooks.settled(mine["id"])
    assert delivery["subject_id"] != made.json()["id"]


@pytest.mark.parametrize(("method", "path", "body"), [("POST", "-", {"url": _URL}), *_ROUTES])
def test_scopes(service: Service, method: str, path: str, body: Any) -> None:
    made = _create(service).json()
    base = "/v1/webhook-endpoints"
    url = base if path == "-" else f"{base}/{made['id']}{path.format(delivery='x')}"
    needed = Scope.WEBHOOKS_READ if method == "GET" else Scope.WEBHOOKS_WRITE
    others = [scope for scope in Scope if scope is not needed]
    refused = service.client.request(method, url, json=body, headers=service.new_key(scopes=others))
    assert refused.status_code == 403
    assert str(needed) in refused.json()["error"]["message"]
    chooses_receiver = path in ("-", "") and method in ("POST", "PATCH")
    if chooses_receiver:  # of events, which hold sessions
        blind = service.new_key(scopes=[needed])
        assert service.client.request(method, url, json=body, headers=blind).status_code == 403
    enough = [needed, Scope.READ] if chooses_receiver else [needed]
    allowed = service.client.request(method, url, json=body, headers=service.new_key(scopes=enough))
    assert allowed.status_code in (200, 201, 202, 204, 404)
    assert service.client.request(method, url, json=body).status_code == 401


def test_answers_have_the_documented_shapes(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    WebhookDelivery.model_validate(hooks.call("POST", f"{endpoint['id']}/test", expect=202))
    (delivery,) = hooks.settled(endpoint["id"])
    path = f"{endpoint['id']}/deliveries"
    WebhookDeliveryPage.model_validate(hooks.call("GET", path))
    WebhookDeliveryWithLog.model_validate(hooks.call("GET", f"{path}/{delivery['id']}"))
    WebhookDelivery.model_validate(
        hooks.call("POST", f"{path}/{delivery['id']}/replay", expect=202)
    )
    body = {"since": "2020-01-01"}
    WebhookReplay.model_validate(
        hooks.call("POST", f"{endpoint['id']}/replay", expect=202, json=body)
    )
    for since in ("yesterday", "", "9999-99-99"):
        hooks.call("POST", f"{endpoint['id']}/replay", expect=422, json={"since": since})


def test_pages_of_deliveries(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    sessions = [hooks.service.create()["id"] for _ in range(5)]
    hooks.settled(endpoint["id"], 5)
    seen, token = [], ""
    while True:
        page = hooks.call("GET", f"{endpoint['id']}/deliveries?limit=2{token}")
        seen += [one["subject_id"] for one in page["data"]]
        if not page["has_more"]:
            break
        token = f"&next_token={page['next_token']}"
    assert sorted(seen) == sorted(sessions)
    assert len(hooks.deliveries(endpoint["id"], f"subject_id={sessions[0]}")) == 1
    assert len(hooks.deliveries(endpoint["id"], "state=delivered")) == 5
    assert hooks.deliveries(endpoint["id"], "state=failed") == []
    assert hooks.deliveries(endpoint["id"], "type=session.status.failed") == []
    hooks.call("GET", f"{endpoint['id']}/deliveries?next_token=nonsense", expect=400)
    hooks.call("GET", f"{endpoint['id']}/deliveries?limit=0", expect=422)
