"""The OpenAPI document is complete: errors, examples, tags and security of every route."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from service.api.documented import ERROR_CODES
from service.api.voice_schemas import VoiceComparison, VoiceEnrollment, VoiceVerification
from service.api.webhook_schemas import WebhookDeliveryWithLog, WebhookEndpointWithSecret
from service.app import create_app
from tests.service.service_builders import BuilderAnalyser, settings_in

_ROOT = Path(__file__).parents[2]
_WITH_KEY = (
    "/v1/sessions",
    "/v1/erasures",
    "/v1/voice",
    "/v1/webhook-endpoints",
    "/v1/api-keys",
    "/v1/audit",
)
Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    return create_app(settings_in(tmp_path), BuilderAnalyser()).openapi()


def _operations(document: dict[str, Any]) -> list[Operation]:
    return [
        (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_route_documents_its_errors(document: dict[str, Any]) -> None:
    operations = _operations(document)
    assert len(operations) == 35
    for method, path, operation in operations:
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert len(operation["tags"]) == 1, where
        responses = operation["responses"]
        assert {"400", "500"} <= set(responses), where
        assert "503" in responses or path == "/healthz", where
        has_key = "security" in operation
        assert has_key == path.startswith(_WITH_KEY), where
        assert ({"401", "403"} <= set(responses)) == has_key or "media" in path, where
        for status, response in responses.items():
            if int(status) >= 400 and not (path == "/readyz" and status == "503"):
                content = response["content"]["application/json"]
                assert content["schema"]["$ref"].endswith("/ErrorBody"), where
                for code in content["examples"]:
                    assert ERROR_CODES[code][0] == int(status), (where, code)


def test_what_the_capture_route_may_answer(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/captures/{token}"]["post"]
    assert {"202", "404", "409", "410", "413", "415", "422", "429"} <= set(operation["responses"])
    assert "Retry-After" in operation["responses"]["429"]["headers"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"frames", "video", "audio", "capture"}


def test_no_two_paths_are_one_template(document: dict[str, Any]) -> None:
    # OpenAPI forbids them, and generated clients break on them.
    templates = [re.sub(r"{\w+}", "{}", path) for path in document["paths"]]
    assert len(templates) == len(set(templates))


def test_what_is_posted_to_receivers_is_described(document: dict[str, Any]) -> None:
    content = document["webhooks"]["event"]["post"]["requestBody"]["content"]
    assert content["application/json"]["schema"]["$ref"].endswith("/WebhookMessage")
    assert {"type", "timestamp", "sequence", "data"} <= set(
        document["components"]["schemas"]["WebhookMessage"]["required"]
    )


def test_voice_requests_answer_in_place_or_later(document: dict[str, Any]) -> None:
    for path, schema in (("enrollments", "Enrollment"), ("verifications", "Verification")):
        responses = document["paths"][f"/v1/voice/{path}"]["post"]["responses"]
        for status in ("200", "202"):
            content = responses[status]["content"]["application/json"]
            assert content["schema"]["$ref"].endswith(f"/Voice{schema}")


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for reference in set(re.findall(r"#/components/schemas/(\w+)", str(document))):
        assert reference in schemas
    assert schemas["CaptureDescription"]["examples"]
    for name in ("CreateEndpoint", "WebhookEndpointWithSecret", "WebhookDeliveryWithLog"):
        assert schemas[name]["examples"], name
    for name in ("CreateSession", "CompareVoices", "EnrollVoice", "VerifyVoice"):
        assert schemas[name]["examples"], name
    for name in ("VoiceComparison", "VoiceEnrollment", "VoiceVerification"):
        assert schemas[name]["examples"], name
    assert document["components"]["securitySchemes"]["APIKeyHeader"]["name"] == "x-api-key"


def test_every_link_leads_to_an_operation_and_its_parameters(document: dict[str, Any]) -> None:
    operations = {operation["operationId"]: operation for _, _, operation in _operations(document)}
    links = [
        link
        for operation in operations.values()
        for response in operation["responses"].values()
        for link in response.get("links", {}).values()
    ]
    assert len(links) > 40
    for link in links:
        taken = operations[link["operationId"]].get("parameters", ())
        assert set(link["parameters"]) <= {one["name"] for one in taken}, link


def test_every_code_that_the_service_raises_is_documented() -> None:
    written = " ".join(path.read_text() for path in (_ROOT / "service").rglob("*.py"))
    raised = set(
        re.findall(r'(?:Error\([^()]*?,\s*|default_code = |refusal=)"([A-Z_]{6,})"', written)
    )
    assert len(raised) > 10
    assert raised <= set(ERROR_CODES)


def test_the_table_in_the_docs_is_the_one_in_the_code() -> None:
    text = (_ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{3}) \| `([A-Z_]+)` \| (.+) \|$", text, flags=re.MULTILINE)
    assert {code: (int(status), meaning) for status, code, meaning in rows} == ERROR_CODES


@pytest.mark.parametrize(
    ("model", "schema"),
    [
        (VoiceComparison, "VoiceComparison"),
        (VoiceEnrollment, "VoiceEnrollment"),
        (VoiceVerification, "VoiceVerification"),
        (WebhookEndpointWithSecret, "WebhookEndpointWithSecret"),
        (WebhookDeliveryWithLog, "WebhookDeliveryWithLog"),
    ],
)
def test_the_examples_of_the_answers_fit_their_schemas(
    document: dict[str, Any], model: type[BaseModel], schema: str
) -> None:
    (example,) = document["components"]["schemas"][schema]["examples"]
    nulls = dict.fromkeys(model.model_fields)  # the document leaves nulls out of its examples
    shown = model.model_validate(nulls | example).model_dump(mode="json", exclude_none=True)
    assert shown == example
