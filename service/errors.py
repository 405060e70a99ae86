"""What a client is told when something can't be done: one JSON shape, stable codes.

ApiError
├── BadRequestError           400 BAD_REQUEST
├── UnauthenticatedError      401 UNAUTHENTICATED
├── ForbiddenError            403 FORBIDDEN, LINK_INVALID, LINK_EXPIRED
├── NotFoundError             404 NOT_FOUND, SESSION_NOT_FOUND, VOICEPRINT_NOT_FOUND, …
├── ConflictError             409 SESSION_TERMINAL, ANALYSIS_RUNNING, CAPTURE_TOKEN_USED, …
├── GoneError                 410 CAPTURE_TOKEN_EXPIRED
├── PayloadTooLargeError      413 PAYLOAD_TOO_LARGE
├── UnsupportedMediaError     415 UNSUPPORTED_MEDIA_TYPE
├── RangeNotSatisfiableError  416 RANGE_NOT_SATISFIABLE
├── UnprocessableError        422 VALIDATION_ERROR, STEP_OUT_OF_ORDER
│   └── InvalidMediaError     422 INVALID_MEDIA (with findings and hints)
├── TooManyRequestsError      429 TOO_MANY_REQUESTS (with Retry-After)
├── NotReadyError             503 NOT_READY, SPEAKER_ENCODER_MISSING (with Retry-After)
│   └── AnalysisBusyError     503 ANALYSIS_BUSY (with Retry-After)
└── GatewayTimeoutError       504 ANALYSIS_TIMED_OUT
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verdict.measurement import QualityFinding


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, by its path as it was sent."""

    field: str
    message: str


class ApiError(Exception):
    """A refusal that a client can act on.

    Parameters
    ----------
    message
        What to do about it; never holds what was sent.
    code
        Stable machine code; the default is the class's own.
    fields
        The fields it is about.
    """

    status = 500
    default_code = "INTERNAL_ERROR"

    def __init__(
        self, message: str, code: str | None = None, fields: Sequence[FieldError] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.fields = tuple(fields)
        self.findings: tuple[QualityFinding, ...] = ()
        self.retry_after_s: int | None = None
        self.headers: dict[str, str] = {}


class BadRequestError(ApiError):
    """The request itself can't be read."""

    status = 400
    default_code = "BAD_REQUEST"


class UnauthenticatedError(ApiError):
    """No key, or one that is not valid (any more)."""

    status = 401
    default_code = "UNAUTHENTICATED"


class ForbiddenError(ApiError):
    """Known, but not allowed."""

    status = 403
    default_code = "FORBIDDEN"


class NotFoundError(ApiError):
    """Nothing of that name, or not for this key."""

    status = 404
    default_code = "NOT_FOUND"


class ConflictError(ApiError):
    """Not in this state; somebody was faster, or it is over."""

    status = 409
    default_code = "CONFLICT"


class GoneError(ApiError):
    """It was there and has run out."""

    status = 410
    default_code = "CAPTURE_TOKEN_EXPIRED"


class PayloadTooLargeError(ApiError):
    """More bytes than the limit."""

    status = 413
    default_code = "PAYLOAD_TOO_LARGE"


class UnsupportedMediaError(ApiError):
    """A body or file of a kind that is not taken."""

    status = 415
    default_code = "UNSUPPORTED_MEDIA_TYPE"


class RangeNotSatisfiableError(ApiError):
    """A part of a file that begins past its end."""

    status = 416
    default_code = "RANGE_NOT_SATISFIABLE"

    def __init__(self, size: int) -> None:
        super().__init__(f"the file has {size} bytes; ask for a part of them")
        self.headers = {"Content-Range": f"bytes */{size}"}


class UnprocessableError(ApiError):
    """Readable, and still not right."""

    status = 422
    default_code = "VALIDATION_ERROR"


class InvalidMediaError(UnprocessableError):
    """A capture that can't be judged and should be recorded again; no attempt is used."""

    default_code = "INVALID_MEDIA"

    def __init__(self, message: str, findings: Sequence[QualityFinding]) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class TooManyRequestsError(ApiError):
    """Come back later."""

    status = 429
    default_code = "TOO_MANY_REQUESTS"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotReadyError(ApiError):
    """The service is starting or stopping."""

    status = 503
    default_code = "NOT_READY"

    def __init__(self, message: str, retry_after_s: int = 5, code: str | None = None) -> None:
        super().__init__(message, code)
        self.retry_after_s = retry_after_s


class AnalysisBusyError(NotReadyError):
    """The decoder has too much to do; the link stays usable and no attempt is used."""

    default_code = "ANALYSIS_BUSY"

    def __init__(self, message: str, retry_after_s: int = 15) -> None:
        super().__init__(message, retry_after_s)


class GatewayTimeoutError(ApiError):
    """The analysis of one request took too long and was given up."""

    status = 504
    default_code = "ANALYSIS_TIMED_OUT"
