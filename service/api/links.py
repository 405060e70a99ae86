"""OpenAPI links: which answer holds the id that which other operation takes."""

from __future__ import annotations

from typing import Any

_SESSION_ID = "session_id"

Link = tuple[str, dict[str, str]]


def linked(status: int, **links: Link) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` entry that gives the answer of `status` its links.

    Parameters
    ----------
    links
        Operation id and its parameters, each an OpenAPI runtime expression, by the link's name.
    """
    entries = {
        name: {"operationId": operation, "parameters": parameters}
        for name, (operation, parameters) in links.items()
    }
    return {status: {"links": entries}}


def session_links(pointer: str) -> dict[str, Link]:
    """Return what can be done with the session whose id stands at `pointer` of the answer."""
    own = {_SESSION_ID: f"$response.body#/{pointer}"}
    return {
        "retrieve": ("retrieve_v1_sessions__session_id__get", own),
        "set_status": (
            "update_status_v1_sessions__session_id__update_status_patch",
            own,
        ),
        "set_status_short": ("update_status_v1_sessions__session_id__patch", own),
        "start_attempt": ("attempt_v1_sessions__session_id__attempts_post", own),
    }


def page_links(operation: str, **path: str) -> dict[str, Link]:
    """Return the link to the next page of a list."""
    return {"next_page": (operation, {**path, "next_token": "$response.body#/next_token"})}  # nosec B105


def endpoint_links(pointer: str) -> dict[str, Link]:
    """Return what can be done with the webhook endpoint whose id stands at `pointer`."""
    own = {"endpoint_id": f"$response.body#/{pointer}"}
    prefix = "v1_webhook_endpoints__endpoint_id_"
    return {
        "retrieve": (f"retrieve_{prefix}_get", own),
        "change": (f"update_{prefix}_patch", own),
        "remove": (f"remove_{prefix}_delete", own),
        "rotate_secret": (f"rotate_{prefix}_rotate_secret_post", own),
        "send_test": (f"test_{prefix}_test_post", own),
        "list_deliveries": (f"deliveries_{prefix}_deliveries_get", own),
        "replay_failed": (f"replay_since_{prefix}_replay_post", own),
    }


def delivery_links(endpoint: str, pointer: str) -> dict[str, Link]:
    """Return what can be done with a delivery.

    Parameters
    ----------
    endpoint
        Runtime expression of the endpoint's id.
    pointer
        To the id of the delivery in the answer.
    """
    own = {"endpoint_id": endpoint, "delivery_id": f"$response.body#/{pointer}"}
    prefix = "v1_webhook_endpoints__endpoint_id__deliveries__delivery_id_"
    return {
        "retrieve_delivery": (f"delivery_{prefix}_get", own),
        "send_again": (f"replay_{prefix}_replay_post", own),
    }


def voice_links(kind: str) -> dict[str, Link]:
    """Return what can be done with an ``enrollment`` or ``verification``, and with its voice."""
    name = f"{kind}_id"
    own = {name: f"$response.body#/{name}"}
    whose = {"external_id": "$response.body#/external_id"}
    return {
        "retrieve": (f"{kind}_v1_voice_{kind}s__{name}__get", own),
        "erase_voice": ("erase_v1_voice_voiceprints__external_id__delete", whose),
    }
