"""The OpenAPI document: FastAPI's own, plus the capture JSON that a form can't declare."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from service.api.webhook_schemas import WebhookMessage
from service.captures.description import CaptureDescription
from service.voice.requests import CompareVoices, EnrollVoice, VerifyVoice

API_VERSION = "1.0.0"
_DESCRIPTION = """\
Create a session, hand its link to the applicant, and retrieve the verdict.

Requests are read in snake_case and camelCase; responses are written in the casing of the API key.
Every error has the same shape and a stable `code`.
"""
_TAGS = [
    {"name": "Sessions", "description": "For integrators, with an API key."},
    {"name": "Captures", "description": "For the applicant's page, with a single-use token."},
    {"name": "Voice", "description": "Compare, enrol and verify voices, with an API key."},
    {"name": "Webhooks", "description": "Where events are posted, with an API key."},
    {"name": "Keys", "description": "API keys of the tenant, with an API key."},
    {"name": "Audit", "description": "What was decided, read, changed and erased."},
    {"name": "Media", "description": "Captured media, by signed link."},
    {"name": "Health", "description": "For the operator."},
]


def use_openapi(app: FastAPI) -> None:
    """Make `app` serve the completed document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _posted() -> APIRouter:
    """What the service posts itself, described as routes of the receiver."""
    receiver = APIRouter()

    @receiver.post(
        "event", status_code=204, tags=["Webhooks"], summary="An event", operation_id="event"
    )
    def _event(body: WebhookMessage) -> None:
        """Signed by the Standard Webhooks specification; answer 2xx within ten seconds."""

    return receiver


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Bonafide",
        version=API_VERSION,
        description=_DESCRIPTION,
        routes=app.routes,
        tags=_TAGS,
        webhooks=_posted().routes,
    )
    reference = "#/components/schemas/{model}"
    capture = CaptureDescription.model_json_schema(ref_template=reference)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= capture.pop("$defs", {})
    schemas["CaptureDescription"] = capture
    for model in (CompareVoices, EnrollVoice, VerifyVoice):
        fields = model.model_json_schema(ref_template=reference)
        schemas |= fields.pop("$defs", {})
        schemas[model.__name__] = fields
    # FastAPI adds what it would answer itself; receivers answer what they like.
    document["webhooks"]["event"]["post"]["responses"].pop("422")
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    return document
