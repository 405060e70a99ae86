"""The published document as a test reads it: in either casing, and with what a client knows."""

from __future__ import annotations

import copy
from typing import Any

from service.casing import to_camel

# Written the same for every key: what the applicant's page sends and gets, and errors of it.
_PAGE_PATHS = ("/v1/captures/", "/v1/media/", "/healthz", "/readyz")
# One expression language, two spellings; the token is the end of the link that the answer holds.
_TOKEN = "$response.body#/{}#regex:/s/([^/]+)$"
_CAPTURE_LINKS = ("invitation_v1_captures__token__get", "submit_v1_captures__token__post")


def with_tokens(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with links from a session to its capture: the token is in its URL."""
    changed = copy.deepcopy(document)
    for path, status in (("/v1/sessions", "201"), ("/v1/sessions/{session_id}/attempts", "201")):
        links = changed["paths"][path]["post"]["responses"][status]["links"]
        for operation in _CAPTURE_LINKS:
            token = _TOKEN.format("session_url")
            links[operation] = {"operationId": operation, "parameters": {"token": token}}
    return changed


def in_camel_case(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document as it is for a camelCase key: same shapes, other names."""
    changed = copy.deepcopy(document)
    paths = changed["paths"]
    changed["paths"] = {
        path: operations for path, operations in paths.items() if not path.startswith(_PAGE_PATHS)
    }
    every = [one for operations in changed["paths"].values() for one in operations.values()]
    kept = {operation["operationId"] for operation in every}
    queries: set[tuple[str, str]] = set()
    for operation in every:
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                queries.add((operation["operationId"], parameter["name"]))
                parameter["name"] = to_camel(parameter["name"])
    for operation in every:
        for content in operation.get("requestBody", {}).get("content", {}).values():
            _rename(content["schema"])
        for response in operation["responses"].values():
            _rename_links(response, kept, queries)
        # Without a key nobody knows the casing: that answer is in snake_case.
        operation["responses"].get("401", {}).pop("content", None)
    for schema in changed["components"]["schemas"].values():
        _rename(schema)
    return changed


def _rename(schema: dict[str, Any]) -> None:
    """Write the names of an object's fields in camelCase; examples are not read."""
    schema.pop("examples", None)
    if "properties" in schema:
        schema["properties"] = {to_camel(k): v for k, v in schema["properties"].items()}
    if "required" in schema:
        schema["required"] = [to_camel(name) for name in schema["required"]]


def _rename_links(response: dict[str, Any], kept: set[str], queries: set[tuple[str, str]]) -> None:
    links = response.get("links", {})
    for name, link in list(links.items()):
        if link["operationId"] not in kept:
            del links[name]
            continue
        link["parameters"] = {
            (
                to_camel(parameter) if (link["operationId"], parameter) in queries else parameter
            ): _respelled(expression)
            for parameter, expression in link["parameters"].items()
        }


def _respelled(expression: str) -> str:
    head, mark, pointer = expression.partition("#/")
    return head + mark + "/".join(to_camel(part) for part in pointer.split("/"))
