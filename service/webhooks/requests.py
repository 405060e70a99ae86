"""What clients send to the webhook routes; both casings are read."""

from __future__ import annotations

from typing import Annotated, LiteralString

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from service.casing import Casing
from service.sessions.requests import BothCasings, NoNul
from service.webhooks.event_types import DEFAULT_EVENTS, names_nothing
from service.webhooks.tables import DeliveryState

_UNKNOWN: LiteralString = "names no event; see docs/webhooks.md"
_WEEK_S = 7 * 24 * 3600


def _known(pattern: str) -> str:
    if names_nothing(pattern):
        raise PydanticCustomError("event_unknown", _UNKNOWN)
    return pattern


def _not_delivered() -> list[DeliveryState]:
    return [DeliveryState.FAILED, DeliveryState.CANCELLED]


Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), NoNul]
EventPattern = Annotated[str, Field(max_length=100), AfterValidator(_known)]
EventFilter = Annotated[
    list[EventPattern],
    Field(
        min_length=1,
        max_length=50,
        description="Event types, `prefix.*` or `*`; see docs/webhooks.md.",
    ),
]


class CreateEndpoint(BothCasings):
    """Where to post events, and which."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://shop.example.com/hooks/kyc",
                    "description": "production",
                    "events": ["session.status.*", "security.*"],
                    "casing": "snake",
                }
            ]
        }
    )

    url: Annotated[Url, Field(description="https, of a public host.")]
    description: Description | None = None
    events: Annotated[EventFilter, Field(default_factory=lambda: list(DEFAULT_EVENTS))]
    casing: Annotated[Casing, Field(description="How the keys of the body are written.")] = (
        Casing.SNAKE
    )
    enabled: bool = True


class UpdateEndpoint(BothCasings):
    """What to change; what is left out stays. Enabling forgets earlier failures."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": True}]})

    url: Url | None = None
    description: Description | None = None
    events: EventFilter | None = None
    casing: Casing | None = None
    enabled: bool | None = None


class RotateSecret(BothCasings):
    """How long the earlier secrets sign along."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_s": 86400}]})

    overlap_s: Annotated[
        float | None,
        Field(ge=0, le=_WEEK_S, description="Seconds; a day unless the deployment says else."),
    ] = None


class ReplayMany(BothCasings):
    """Which deliveries to send again: those of these states since a moment."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"since": "2026-11-20T00:00:00Z", "states": ["failed"]}]}
    )

    since: Annotated[str, Field(max_length=40, description="ISO 8601; UTC without an offset.")]
    states: Annotated[
        list[DeliveryState], Field(default_factory=_not_delivered, min_length=1, max_length=4)
    ]
