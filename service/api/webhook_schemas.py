"""The webhook routes' objects, for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from service.api.result_schema import WireModel, WireTime
from service.casing import Casing
from service.webhooks.tables import DeliveryState, DisabledReason

_AT = "2026-11-21T09:30:00.000Z"
_END = "2026-11-22T09:30:00.000Z"
_ENDPOINT: dict[str, JsonValue] = {
    "id": "5f0c1c1e-6f0a-4a53-9a53-0f6b8f1f2a10",
    "url": "https://shop.example.com/hooks/kyc",
    "description": "production",
    "events": ["session.status.*", "security.*"],
    "casing": "snake",
    "enabled": True,
    "secrets": [
        {"id": "0a3c5a4e-0d7b-4b0e-8a55-93a1b7c2d901", "created_at": _AT, "expires_at": _END}
    ],
    "created_at": _AT,
    "updated_at": _AT,
}
_DELIVERY: dict[str, JsonValue] = {
    "id": "7be9a9a4-2b51-4b32-8d0f-5c8f6a1d7e02",
    "endpoint_id": _ENDPOINT["id"],
    "event_id": "c2b4f6d8-1a3c-4e5f-9b7d-2f4a6c8e0b13",
    "type": "session.status.rejected",
    "subject_id": "f3b1c0de-7a52-4a1c-8f61-3f3f0b9e5d24",
    "sequence": 4,
    "state": "waiting",
    "tries": 1,
    "last_status": 503,
    "last_error": "refused",
    "next_try_at": "2026-11-21T09:30:05.400Z",
    "created_at": _AT,
}


def _with_example(example: dict[str, JsonValue]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class SecretShown(WireModel):
    """When a secret began to sign and when it ends; never the secret."""

    id: str
    created_at: WireTime
    expires_at: WireTime | None


class WebhookEndpoint(WireModel):
    """Where events are posted."""

    model_config = _with_example(_ENDPOINT)

    id: str
    url: str
    description: str | None
    events: list[str]
    casing: Casing
    enabled: bool
    disabled_reason: DisabledReason | None
    disabled_at: WireTime | None
    failing_since: Annotated[
        WireTime | None, Field(description="The first failure after the last success.")
    ]
    secrets: list[SecretShown]
    created_at: WireTime
    updated_at: WireTime


class WebhookEndpointWithSecret(WebhookEndpoint):
    """An endpoint and its new secret."""

    model_config = _with_example(_ENDPOINT | {"secret": "whsec_" + 43 * "A" + "="})

    secret: Annotated[str, Field(description="Shown this once; keep it where you verify.")]


class WebhookEndpointList(WireModel):
    """Every endpoint of the tenant, oldest first."""

    data: list[WebhookEndpoint]


class WebhookDelivery(WireModel):
    """One event on its way to one endpoint."""

    model_config = _with_example(_DELIVERY)

    id: str
    endpoint_id: str
    event_id: Annotated[str, Field(description="The header webhook-id, the same on every try.")]
    type: str
    subject_id: Annotated[str, Field(description="The session or voice request it is about.")]
    sequence: int
    state: DeliveryState
    tries: int
    last_status: int | None
    last_error: Annotated[str | None, Field(description="A stable word; see docs/webhooks.md.")]
    next_try_at: WireTime | None
    created_at: WireTime
    finished_at: WireTime | None


class WebhookTry(WireModel):
    """One try: when, how long, and how it ended."""

    number: int
    at: WireTime
    status: int | None
    error: str | None
    duration_ms: int


class WebhookDeliveryWithLog(WebhookDelivery):
    """A delivery and its tries."""

    model_config = _with_example(
        _DELIVERY
        | {"log": [{"number": 1, "at": _AT, "status": 503, "error": "refused", "duration_ms": 84}]}
    )

    log: list[WebhookTry]


class WebhookDeliveryPage(WireModel):
    """One page of deliveries, newest first."""

    data: list[WebhookDelivery]
    has_more: bool
    limit: int
    next_token: str | None


class WebhookReplay(WireModel):
    """How many deliveries are sent again."""

    model_config = _with_example({"replayed": 12, "has_more": False})

    replayed: int
    has_more: Annotated[
        bool, Field(description="More of these states are left: repeat the request.")
    ]


class WebhookMessage(WireModel):
    """What is posted to an endpoint. `data` is the Retrieve Session object, or a voice request."""

    environment: Annotated[
        Literal["test"] | None, Field(description="In test mode only: nothing here is real.")
    ] = None
    type: str
    id: Annotated[str, Field(description="The header webhook-id, too.")]
    timestamp: WireTime
    session_id: str | None = None
    subject_id: str | None = None
    external_id: str | None = None
    sequence: Annotated[int, Field(description="Grows with each event of the session.")]
    attempt: int | None = None
    reason_code: str | None = None
    details: dict[str, object] | None = None
    data: dict[str, object]
