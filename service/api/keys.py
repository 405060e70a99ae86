"""Routes of the API keys: make, list, rotate, revoke those of the own tenant."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, LiteralString

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, JsonValue, StringConstraints
from pydantic_core import PydanticCustomError

from service.api.auth import ContextDep, KeyReader, KeyWriter, require_json, respond
from service.api.documented import error_responses
from service.api.idempotent import IdempotencyKey, respond_once
from service.api.result_schema import WireModel, WireTime
from service.casing import Casing
from service.clock import as_ms, now_ms
from service.errors import NotFoundError
from service.idempotency import once
from service.key_desk import change_key, key_view, make_key
from service.keys import DEFAULT_SCOPES, NewKey, Scope, list_keys, revoke_key
from service.sessions.requests import BothCasings, NoNul

router = APIRouter(prefix="/v1/api-keys", tags=["Keys"])
_JSON = [Depends(require_json)]
_BODY_ERRORS = ("PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")
_PAST: LiteralString = "must lie in the future"
_MONTH_S = 30 * 24 * 3600
_KEY: dict[str, JsonValue] = {
    "id": "0f1e2d3c4b5a6978",
    "name": "shop, production",
    "scopes": ["sessions:read", "sessions:write"],
    "casing": "snake",
    "live": True,
    "created_at": "2026-11-21T09:30:00.000Z",
}


def _in_future(moment: datetime) -> datetime:
    if as_ms(moment) <= now_ms():
        raise PydanticCustomError("past", _PAST)
    return moment


class CreateKey(BothCasings):
    """What the key is for, what it may do and how long it lives."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "shop, production", "scopes": ["sessions:read"]}],
        }
    )

    name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), NoNul
    ]
    scopes: Annotated[
        list[Scope],
        Field(
            default_factory=lambda: list(DEFAULT_SCOPES),
            min_length=1,
            max_length=20,
            description="No more than the own key has.",
        ),
    ]
    casing: Casing = Casing.SNAKE
    expires_at: Annotated[AwareDatetime, AfterValidator(_in_future)] | None = None


class RotateKey(BothCasings):
    """How long the old key goes on beside the new one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_s": 86400}]})

    overlap_s: Annotated[float, Field(ge=0, le=_MONTH_S)] = 24 * 3600


class ShownKey(WireModel):
    """A key, without its secret."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_KEY]})

    id: str
    name: str
    scopes: list[str]
    casing: Casing
    live: Annotated[bool, Field(description="Neither revoked nor run out.")]
    replaces: Annotated[str | None, Field(description="The key that it takes over from.")]
    created_at: WireTime
    last_used_at: Annotated[WireTime | None, Field(description="To the minute.")]
    expires_at: WireTime | None
    revoked_at: WireTime | None


class KeyWithText(ShownKey):
    """A new key."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [_KEY | {"key": "bf_0f1e2d3c4b5a6978_…"}]}
    )

    key: Annotated[str, Field(description="Shown this once; send it as the header x-api-key.")]


class KeyList(WireModel):
    """Every key of the tenant, oldest first."""

    data: list[ShownKey]


@router.post(
    "",
    status_code=201,
    response_model=KeyWithText,
    responses=error_responses("IDEMPOTENCY_KEY_REUSED", "TOO_MANY_KEYS", *_BODY_ERRORS),
    dependencies=_JSON,
    summary="Create an API key",
)
def create(
    request: Request,
    body: CreateKey,
    context: ContextDep,
    caller: KeyWriter,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Make a key of the own tenant, shown this once, with no scope that the own key lacks.

    It ends with the own key at the latest.
    """
    asked = NewKey(
        name=body.name,
        casing=body.casing,
        scopes=list(dict.fromkeys(body.scopes)),
        organization_id=caller.organization_id,
        expires_at=None if body.expires_at is None else as_ms(body.expires_at),
    )
    repeatable = once(context, caller, idempotency_key, "api-keys.create", body, holds_secret=True)
    return respond_once(request, make_key(context, caller, asked, repeatable), 201)


@router.get("", response_model=KeyList, responses=error_responses(), summary="List API keys")
def list_(request: Request, context: ContextDep, caller: KeyReader) -> JSONResponse:
    """List the keys of the tenant, those that have ended too, without their secrets."""
    rows = list_keys(context.database, caller.organization_id)
    return respond(request, {"data": [key_view(row) for row in rows]})


@router.post(
    "/{key_id}/rotate",
    status_code=201,
    response_model=KeyWithText,
    responses=error_responses(
        "KEY_NOT_FOUND", "KEY_BEING_ROTATED", "IDEMPOTENCY_KEY_REUSED", *_BODY_ERRORS
    ),
    dependencies=_JSON,
    summary="Rotate an API key",
)
def rotate(
    request: Request,
    key_id: str,
    body: RotateKey,
    context: ContextDep,
    caller: KeyWriter,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Make the successor of a key, shown this once; the old one ends after `overlap_s` seconds."""
    asked = f"{key_id}\0{body.overlap_s}"
    repeatable = once(context, caller, idempotency_key, "api-keys.rotate", asked, holds_secret=True)
    return respond_once(
        request, change_key(context, caller, key_id, body.overlap_s, repeatable), 201
    )


@router.delete(
    "/{key_id}",
    status_code=204,
    response_class=Response,
    responses=error_responses("KEY_NOT_FOUND"),
    summary="Revoke an API key",
)
def revoke(key_id: str, context: ContextDep, caller: KeyWriter) -> Response:
    """Refuse a key from now on, in every process."""
    actor = f"key:{caller.key_id}"
    if not revoke_key(context.database, key_id, caller.organization_id, actor):
        raise NotFoundError("there is no live key of that id", "KEY_NOT_FOUND")
    return Response(status_code=204)
