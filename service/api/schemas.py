"""The wire objects, for the OpenAPI document; a camelCase key gets the same in camelCase."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.api.result_schema import AnalysisData, WireModel, WireTime
from service.tables import SessionProgress, SessionStatus


class FieldProblem(WireModel):
    """What is wrong with one field."""

    field: str
    message: str


class Finding(WireModel):
    """Why a capture was refused, and what the applicant can do about it."""

    code: str
    hint: str
    value: float | None
    limit: float | None
    frames: list[int]


class Problem(WireModel):
    """One refusal."""

    code: Annotated[str, Field(description="Stable and meant for programs.")]
    message: Annotated[str, Field(description="For people; says what to do.")]
    fields: list[FieldProblem]
    request_id: str
    findings: Annotated[list[Finding] | None, Field(description="Only with INVALID_MEDIA.")] = None


class ErrorBody(WireModel):
    """The shape of every error."""

    error: Problem
    message: Annotated[
        str, Field(description="The same as `error.message`, where many clients look for it.")
    ]


class MetaData(WireModel):
    """What is known of the applicant's visit. camelCase with every key."""

    applicantSubmissionIp: str | None = None  # noqa: N815  (the contract's own spelling)
    applicantSubmissionDevice: str | None = None  # noqa: N815
    applicantViewTime: str | None = None  # noqa: N815
    applicantSubmissionBrowser: str | None = None  # noqa: N815


class CaptureRecord(WireModel):
    """How much was captured."""

    files: int
    bytes: int
    received_at: WireTime


class SessionRecord(WireModel):
    """A session."""

    id: str
    environment: Annotated[
        Literal["test"] | None, Field(description="In test mode only: nothing here is real.")
    ] = None
    organization_id: str
    user_id: str
    sender_user_id: str
    external_id: str | None = None
    redirect_url: str | None = None
    status: SessionStatus
    type: Literal["session"]
    session_progress: SessionProgress
    workflow_id: str
    workflow_steps: list[str]
    created_at: WireTime
    updated_at: WireTime
    expires_at: WireTime
    submitted_at: WireTime | None = None
    meta_data: MetaData
    uploads: Annotated[
        dict[str, bool], Field(description="What was captured, by the names of `resource_links`.")
    ]
    capture: CaptureRecord | None = None
    attempt: Annotated[int, Field(description="Number of the current attempt, from 1.")]
    attempts_left: int
    is_final: bool
    review_required: bool
    analysis_pending: Annotated[
        bool, Field(description="True from the capture until its verdict: poll on.")
    ]
    sequence: Annotated[int, Field(description="Number of the latest event; only grows.")]
    failure_reason: str | None = None
    analysis_data: AnalysisData | None = None


class UserRecord(WireModel):
    """An applicant, or the sender of a session."""

    id: str
    organization_id: str
    first_name: str
    last_name: str
    email: Annotated[str, Field(description="Empty where there is none.")]
    phone: Annotated[str, Field(description="Empty where there is none.")]
    created_at: WireTime
    updated_at: WireTime


class RetrievedSession(WireModel):
    """A session with its people and its media."""

    session_record: SessionRecord
    user: UserRecord
    sender_user: UserRecord
    resource_links: Annotated[
        dict[str, str], Field(description="Name to signed URL, valid for a few minutes.")
    ]


class SessionPage(WireModel):
    """One page of sessions, newest first."""

    data: list[SessionRecord]
    total: int
    has_more: bool
    limit: int
    offset: int
    next_token: str | None


class Link(WireModel):
    """A link to hand to the applicant."""

    url: str
    type: Literal["session"]


class SessionCreated(WireModel):
    """A new session and where its applicant goes."""

    id: str
    session_url: str
    external_id: str | None = None
    links: list[Link]


class AttemptStarted(WireModel):
    """The open attempt and where its applicant goes."""

    session_id: str
    attempt: int
    attempts_left: int
    session_url: str
    expires_at: WireTime


class ChallengeAsked(WireModel):
    """What to ask the applicant, in this order."""

    phrase: Annotated[str, Field(description="The words to show and to say during `speak`.")]
    words: list[str]
    language: str
    steps: list[str]


class CaptureLimitsShown(WireModel):
    """What a capture may bring."""

    max_upload_bytes: int
    max_frames: int


class CaptureInvitation(WireModel):
    """What a capture token opens."""

    session_id: str
    attempt: int
    attempt_limit: int
    expires_at: WireTime
    challenge: ChallengeAsked
    limits: CaptureLimitsShown


class CaptureAccepted(WireModel):
    """The capture is kept and will be analysed. No verdict is shown to the applicant."""

    session_id: str
    attempt: int
    status: SessionStatus
    redirect_url: str | None


class Health(WireModel):
    """The process answers."""

    status: Literal["ok"]


class Readiness(WireModel):
    """Whether captures can be taken."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, bool]
