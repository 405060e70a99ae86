"""A service with two tenants, one of which owns one of everything."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
from fastapi.testclient import TestClient
from starlette.types import Message

from service.app import create_app
from service.casing import Casing
from service.jobs.in_process import InProcessRunner
from service.keys import Scope, create_key
from service.tables import DEFAULT_ORGANIZATION_ID, DEFAULT_WORKFLOW_ID
from tests.service.every_route import ROUTES
from tests.service.running_service import Service
from tests.service.service_builders import BuilderAnalyser, settings_in
from tests.service.tenants import Tenant, new_tenant
from tests.service.voice_builders import BuilderEar, Voices
from tests.service.webhook_builders import INSIDE


@dataclass
class TwoTenants:
    """The service, the owner's key and things, and the stranger's key."""

    client: TestClient
    service: Service
    owner: dict[str, str]
    stranger: dict[str, str]
    other: Tenant
    sound: bytes
    things: dict[str, str] = field(default_factory=dict)

    def raw(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send a path as it is: ordinary clients tidy it up. Returns status and body."""
        sent: list[Message] = []
        head = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path, errors="replace"),
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [*head, (b"content-type", b"application/json")],
            "client": ("192.0.2.1", 1),
        }

        bodies = [b"{}"]

        async def receive() -> Message:
            if not bodies:
                await anyio.sleep_forever()  # the client stays until it has its answer
            return {"type": "http.request", "body": bodies.pop()}

        async def send(message: Message) -> None:
            sent.append(message)

        portal = self.client.portal
        assert portal is not None
        portal.call(self.client.app, scope, receive, send)
        return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])

    def call(self, method: str, path: str, headers: dict[str, str] | None, **changes: str) -> Any:
        """Call a route by its template, with the owner's things in it but for `changes`."""
        names = self.things | {"uuid": str(uuid.uuid4())} | changes
        url = path
        for name, value in names.items():
            url = url.replace(f"{{{name}}}", value)
        body = ROUTES[method, path].body
        filled = None
        if body is not None:
            filled = {name: value.format(**names) for name, value in body.items()}
        if "media" in path:
            url += "?" + names["signature"]
        return self.client.request(method, url, headers=headers, json=filled)

    def owned(self) -> list[Any]:
        """What the owner sees of everything it has, to be compared later."""
        seen = []
        for method, path in ROUTES:
            if method == "GET" and path.startswith("/v1/") and path != "/v1/audit":
                answer = self.call(method, path, self.owner)
                assert answer.status_code == 200, (path, answer.text)
                seen.append(_lasting(answer))
        return seen


def _lasting(answer: Any) -> Any:
    if answer.headers["content-type"] != "application/json":
        return answer.content
    shown = answer.json()
    for name in ("resource_links", "head"):  # new at each request
        shown.pop(name, None)
    for key in shown.get("data", []):
        key.pop("last_used_at", None)
    return shown


@contextmanager
def two_tenants(folder: Path, **settings: Any) -> Iterator[TwoTenants]:
    """A running service in which the first tenant has one of everything."""
    ear, analyser = BuilderEar(), BuilderAnalyser()
    chosen = settings_in(
        folder, **INSIDE, webhook_schedule_s=(3600.0,), rate_guess="off", **settings
    )
    app = create_app(chosen, analyser, ear, jobs=InProcessRunner())
    with TestClient(
        app, base_url="https://kyc.example.com", raise_server_exceptions=False
    ) as client:
        context = app.state.context
        key = create_key(context.database, name="owner", casing=Casing.SNAKE, scopes=list(Scope))
        other = new_tenant(context.database)
        foreign = create_key(
            context.database,
            name="stranger",
            scopes=list(Scope),
            organization_id=other.organization_id,
        )
        owner, stranger = {"x-api-key": key.text}, {"x-api-key": foreign.text}
        service = Service(client, context, analyser, key.text)
        made = TwoTenants(client, service, owner, stranger, other, ear.recording())
        made.things = _one_of_everything(made, ear)
        yield made


def _one_of_everything(made: TwoTenants, ear: BuilderEar) -> dict[str, str]:
    client, service, owner = made.client, made.service, made.owner
    voices = Voices(client, ear, owner)
    enrolled = voices.enroll(made.sound, external_id="Customer-A")
    verified = voices.verify(made.sound, external_id="Customer-A")
    hook = {"url": "http://127.0.0.1:9/hooks", "events": ["*"]}
    endpoint = client.post("/v1/webhook-endpoints", json=hook, headers=owner).json()
    erased = service.captured(external_id="Erased-A")
    service.judged(erased)
    gone = client.delete(f"/v1/sessions/{erased}?keep_voice=true", headers=owner)
    assert gone.status_code == 200, gone.text
    session_id = service.captured(external_id="Session-A")
    service.judged(session_id)
    link = next(iter(service.retrieve(session_id)["resource_links"].values()))
    capture_id, name = link.partition("?")[0].split("/")[-2:]
    path = f"/v1/webhook-endpoints/{endpoint['id']}/deliveries"
    deliveries = client.get(path, headers=owner).json()["data"]
    waiting = service.create(external_id="Waiting-A")
    extra = create_key(service.context.database, name="extra of the owner")
    return {
        "session_id": session_id,
        "erased_id": erased,
        "waiting_id": waiting["id"],
        "token": service.token_of(waiting),
        "capture_id": capture_id,
        "name": name,
        "signature": link.partition("?")[2],
        "enrollment_id": enrolled["enrollment_id"],
        "verification_id": verified["verification_id"],
        "external_id": "Customer-A",
        "endpoint_id": endpoint["id"],
        "delivery_id": deliveries[0]["id"],
        "key_id": extra.id,
        "workflow_id": DEFAULT_WORKFLOW_ID,
        "organization_id": DEFAULT_ORGANIZATION_ID,
        "sound": base64.b64encode(made.sound).decode(),
    }
