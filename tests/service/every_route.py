"""Every route that there is, for the tests that walk them.

`ROUTES` has to name each route of the application: a walk fails for one that it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from service.keys import Scope
from tests.service.service_builders import APPLICANT

_VOICE = {"external_id": "{external_id}", "request_uuid": "{uuid}", "voice_data": "{sound}"}
_SOUNDS = {"recording_a": "{sound}", "recording_b": "{sound}"}


@dataclass(frozen=True)
class Route:
    """How to call a route so that it comes to its rows.

    Parameters
    ----------
    needs
        The scope that opens it; None for a route without a key.
    also
        A second scope without which it stays shut.
    body
        JSON; names in braces are filled in.
    foreign
        What it answers to another tenant that names the owner's things: a status. 200 and 201
        are for routes that name nothing, and must show or change nothing of the owner's.
    """

    needs: Scope | None
    foreign: int
    body: dict[str, str] | None = None
    also: Scope | None = None


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/healthz"): Route(None, 200),
    ("GET", "/readyz"): Route(None, 200),
    ("GET", "/openapi.json"): Route(None, 200),
    ("GET", "/s/{token}"): Route(None, 200),
    ("GET", "/page"): Route(None, 404),
    ("GET", "/v1/captures/{token}"): Route(None, 404),
    ("POST", "/v1/captures/{token}"): Route(None, 404),
    ("GET", "/v1/media/{capture_id}/{name}"): Route(None, 403),
    ("POST", "/v1/sessions"): Route(
        Scope.WRITE, 422, {**APPLICANT, "workflow_id": "{workflow_id}"}
    ),
    ("GET", "/v1/sessions"): Route(Scope.READ, 200),
    ("GET", "/v1/sessions/{session_id}"): Route(Scope.READ, 404),
    ("PATCH", "/v1/sessions/{session_id}"): Route(Scope.WRITE, 404, {"status": "VOIDED"}),
    ("PATCH", "/v1/sessions/{session_id}/update-status"): Route(
        Scope.WRITE, 404, {"new_status": "VOIDED"}
    ),
    ("POST", "/v1/sessions/{session_id}/attempts"): Route(Scope.WRITE, 404),
    ("DELETE", "/v1/sessions/{session_id}"): Route(Scope.DELETE, 404),
    ("GET", "/v1/erasures/{erased_id}"): Route(Scope.READ, 404),
    ("POST", "/v1/voice/compare"): Route(Scope.WRITE, 200, _SOUNDS),
    ("POST", "/v1/voice/enrollments"): Route(Scope.WRITE, 202, _VOICE),
    ("POST", "/v1/voice/verifications"): Route(Scope.WRITE, 404, _VOICE),
    ("GET", "/v1/voice/enrollments/{enrollment_id}"): Route(Scope.READ, 404),
    ("GET", "/v1/voice/verifications/{verification_id}"): Route(Scope.READ, 404),
    ("DELETE", "/v1/voice/voiceprints/{external_id}"): Route(Scope.WRITE, 404),
    ("POST", "/v1/webhook-endpoints"): Route(
        Scope.WEBHOOKS_WRITE, 201, {"url": "https://shop.example.com/hooks"}, Scope.READ
    ),
    ("GET", "/v1/webhook-endpoints"): Route(Scope.WEBHOOKS_READ, 200),
    ("GET", "/v1/webhook-endpoints/{endpoint_id}"): Route(Scope.WEBHOOKS_READ, 404),
    ("PATCH", "/v1/webhook-endpoints/{endpoint_id}"): Route(
        Scope.WEBHOOKS_WRITE, 404, {"description": "mine"}, Scope.READ
    ),
    ("DELETE", "/v1/webhook-endpoints/{endpoint_id}"): Route(Scope.WEBHOOKS_WRITE, 404),
    ("POST", "/v1/webhook-endpoints/{endpoint_id}/rotate-secret"): Route(
        Scope.WEBHOOKS_WRITE, 404, {}
    ),
    ("POST", "/v1/webhook-endpoints/{endpoint_id}/test"): Route(Scope.WEBHOOKS_WRITE, 404),
    ("GET", "/v1/webhook-endpoints/{endpoint_id}/deliveries"): Route(Scope.WEBHOOKS_READ, 404),
    ("GET", "/v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}"): Route(
        Scope.WEBHOOKS_READ, 404
    ),
    ("POST", "/v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/replay"): Route(
        Scope.WEBHOOKS_WRITE, 404
    ),
    ("POST", "/v1/webhook-endpoints/{endpoint_id}/replay"): Route(
        Scope.WEBHOOKS_WRITE, 404, {"since": "2026-01-01T00:00:00Z"}
    ),
    ("POST", "/v1/api-keys"): Route(Scope.KEYS_WRITE, 201, {"name": "mine"}),
    ("GET", "/v1/api-keys"): Route(Scope.KEYS_READ, 200),
    ("POST", "/v1/api-keys/{key_id}/rotate"): Route(Scope.KEYS_WRITE, 404, {}),
    ("DELETE", "/v1/api-keys/{key_id}"): Route(Scope.KEYS_WRITE, 404),
    ("GET", "/v1/audit"): Route(Scope.AUDIT_READ, 200),
}
# Where one name of a path means two things.
_RENAMED = {"/v1/erasures/{session_id}": "/v1/erasures/{erased_id}"}


def routes_of(app: Any) -> set[tuple[str, str]]:
    """Every method and path that the application, or a router in it, answers."""
    found = set()
    for route in app.routes:
        if hasattr(route, "original_router"):
            found |= routes_of(route.original_router)
            continue
        path = route.path.replace(":path}", "}")
        for method in getattr(route, "methods", None) or {"GET"}:
            if method != "HEAD":
                found.add((method, _RENAMED.get(path, path)))
    return found
