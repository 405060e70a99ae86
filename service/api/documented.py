"""Every error code with its status and meaning: the table that OpenAPI and docs/api.md show."""

from __future__ import annotations

from typing import Any

from service.api.schemas import ErrorBody

ERROR_CODES: dict[str, tuple[int, str]] = {
    "BAD_REQUEST": (400, "the body or a parameter can't be read"),
    "TEST_MODE_OFF": (400, "an outcome was ordered from a deployment that is not in test mode"),
    "UNAUTHENTICATED": (401, "x-api-key is missing, wrong, expired or revoked"),
    "FORBIDDEN": (403, "the key lacks the scope"),
    "LINK_INVALID": (403, "the media link's signature is wrong"),
    "LINK_EXPIRED": (403, "the media link has run out; retrieve the session again"),
    "NOT_FOUND": (404, "nothing of that name"),
    "SESSION_NOT_FOUND": (404, "this tenant has no such session"),
    "ERASURE_NOT_FOUND": (404, "this tenant has erased no such session"),
    "VOICE_REQUEST_NOT_FOUND": (404, "this tenant has no such enrolment or verification"),
    "VOICEPRINT_NOT_FOUND": (404, "nobody of that external_id is enrolled; enrol first"),
    "WEBHOOK_ENDPOINT_NOT_FOUND": (404, "this tenant has no such webhook endpoint"),
    "DELIVERY_NOT_FOUND": (404, "this endpoint has no such delivery"),
    "CAPTURE_TOKEN_UNKNOWN": (404, "no such link, or a newer one has taken its place"),
    "KEY_NOT_FOUND": (404, "this tenant has no live key of that id"),
    "METHOD_NOT_ALLOWED": (405, "the path does not take this method"),
    "CONFLICT": (409, "changed by somebody else at the same time; retrieve and repeat"),
    "SESSION_TERMINAL": (409, "the session is final"),
    "ANALYSIS_RUNNING": (409, "the last capture is still being analysed"),
    "ATTEMPT_NOT_OPEN": (409, "the session is waiting for review"),
    "CAPTURE_TOKEN_USED": (409, "the link was used, or another capture was faster"),
    "IDEMPOTENCY_KEY_REUSED": (409, "the key was used for a different request"),
    "REQUEST_UUID_REUSED": (409, "the request_uuid was used for a different request"),
    "VOICE_RETRY_CLOSED": (409, "no voice retry now: synthetic audio, or the one retry is used"),
    "ENDPOINT_DISABLED": (409, "the webhook endpoint is disabled; enable it first"),
    "TOO_MANY_ENDPOINTS": (409, "the tenant has as many webhook endpoints as it may"),
    "KEY_BEING_ROTATED": (409, "the key has a predecessor or successor that still lives"),
    "TOO_MANY_KEYS": (409, "the tenant has as many live API keys as it may"),
    "MESSAGE_EXPIRED": (409, "what was posted is not kept any more; retrieve the session"),
    "CAPTURE_TOKEN_EXPIRED": (410, "the link has run out; ask for a new attempt"),
    "PAYLOAD_TOO_LARGE": (413, "more bytes or files than the limit"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "the body, or the content of a file, is of the wrong kind"),
    "RANGE_NOT_SATISFIABLE": (416, "the part of the file begins past its end"),
    "VALIDATION_ERROR": (422, "a field is missing or wrong; see fields"),
    "STEP_OUT_OF_ORDER": (422, "the steps are not those of the challenge, in its order"),
    "INVALID_MEDIA": (422, "the media can't be judged; see findings; no attempt is used"),
    "TOO_MANY_REQUESTS": (429, "come back after Retry-After seconds"),
    "INTERNAL_ERROR": (500, "a fault of the service; report the request id"),
    "ANALYSIS_BUSY": (
        503,
        "too busy to check the capture, or too many wait; see Retry-After; no attempt is used",
    ),
    "NOT_READY": (503, "starting, stopping or without its database; see Retry-After"),
    "SPEAKER_ENCODER_MISSING": (503, "the speaker encoder is not installed; the message says how"),
    "ANALYSIS_TIMED_OUT": (504, "the analysis took too long; send shorter recordings, or later"),
}

_EVERYWHERE = ("BAD_REQUEST", "INTERNAL_ERROR", "NOT_READY")
_WITH_KEY = ("UNAUTHENTICATED", "FORBIDDEN", "TOO_MANY_REQUESTS")
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}

Responses = dict[int | str, dict[str, Any]]


def error_responses(*codes: str, with_key: bool = True) -> Responses:
    """Return the `responses` of a route that may answer these codes.

    Parameters
    ----------
    with_key
        Whether the route asks for an API key.
    """
    every = (*_EVERYWHERE, *(_WITH_KEY if with_key else ()), "VALIDATION_ERROR", *codes)
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(every):
        by_status.setdefault(ERROR_CODES[code][0], []).append(code)
    return {status: _response(status, of) for status, of in sorted(by_status.items())}


def _response(status: int, codes: list[str]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "model": ErrorBody,
        "description": " · ".join(f"`{code}`: {ERROR_CODES[code][1]}" for code in codes),
        "content": {
            "application/json": {"examples": {code: {"value": _example(code)} for code in codes}}
        },
    }
    if status in (429, 503):
        response["headers"] = _RETRY_AFTER
    return response


def _example(code: str) -> dict[str, Any]:
    problem: dict[str, Any] = {
        "code": code,
        "message": ERROR_CODES[code][1],
        "fields": [],
        "request_id": "0d3c8a5e6f7b4c2d9e1f0a2b3c4d5e6f",
    }
    if code == "VALIDATION_ERROR":
        problem["fields"] = [{"field": "phone", "message": "Field required"}]
    if code == "INVALID_MEDIA":
        hint = "Turn on a light in front of you."
        problem["findings"] = [
            {"code": "TOO_DARK", "hint": hint, "value": 18.0, "limit": 40.0, "frames": [0, 1]}
        ]
    return {"error": problem, "message": problem["message"]}
