"""The wire objects, for the OpenAPI document; a camelCase key gets the same in camelCase."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.tables import SessionProgress, SessionStatus

Score = Annotated[int, Field(ge=0, le=100)]
WireTime = Annotated[
    str, Field(pattern=r"Z$", description="ISO 8601, UTC, milliseconds, ending in Z.")
]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FieldProblem(_Wire):
    """What is wrong with one field."""

    field: str
    message: str


class Finding(_Wire):
    """Why a capture was refused, and what the applicant can do about it."""

    code: str
    hint: str
    value: float | None
    limit: float | None
    frames: list[int]


class Problem(_Wire):
    """One refusal."""

    code: Annotated[str, Field(description="Stable and meant for programs.")]
    message: Annotated[str, Field(description="For people; says what to do.")]
    fields: list[FieldProblem]
    request_id: str
    findings: Annotated[list[Finding] | None, Field(description="Only with INVALID_MEDIA.")] = None


class ErrorBody(_Wire):
    """The shape of every error."""

    error: Problem


class LivenessChecks(_Wire):
    """The four checks; `passed` is their conjunction."""

    landmark_detection: bool
    blink_detection: bool
    head_movement: bool
    frame_timing: bool


class LivenessLayer(_Wire):
    """The liveness gate."""

    passed: bool
    checks: LivenessChecks


class VisionLayer(_Wire):
    """The vision layer."""

    risk_score: Score
    confidence: Score
    signals: Annotated[list[str], Field(description="Sorted codes of the signals that fired.")]


class VoiceLayer(_Wire):
    """The voice layer; null where nothing was asked and there is no sound."""

    risk_score: Score
    confidence: Score | None
    word_match: bool | None


class LayerResults(_Wire):
    """One result per layer."""

    liveness: LivenessLayer
    vision: VisionLayer
    voice: VoiceLayer


class DetectionData(_Wire):
    """The result: exactly this shape."""

    verdict: Literal["LIVE", "DEEPFAKE", "INCONCLUSIVE"]
    risk_score: Score
    confidence: Score
    avg_layer_confidence: Score
    layer_results: LayerResults
    analyzed_at: WireTime


class AnalysisData(_Wire):
    """The result, and what explains it (the evidence is left out of lists)."""

    deepfake_detection_data: DetectionData
    deepfake_detection_evidence: Annotated[
        dict[str, Any] | None,
        Field(description="The rule that decided, thresholds, measurements, models, timings."),
    ] = None


class MetaData(_Wire):
    """About the applicant's visit. camelCase with every key."""

    applicantSubmissionIp: str | None  # noqa: N815  (the contract's own spelling)
    applicantSubmissionDevice: str | None  # noqa: N815
    applicantViewTime: str | None  # noqa: N815
    applicantSubmissionBrowser: str | None  # noqa: N815


class SessionRecord(_Wire):
    """A session."""

    id: str
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
    uploads: dict[str, Any]
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


class UserRecord(_Wire):
    """An applicant, or the sender of a session."""

    id: str
    organization_id: str
    first_name: str
    last_name: str
    email: str | None
    phone: str | None
    created_at: WireTime


class RetrievedSession(_Wire):
    """A session with its people and its media."""

    session_record: SessionRecord
    user: UserRecord
    sender_user: UserRecord
    resource_links: Annotated[
        dict[str, str], Field(description="Name to signed URL, valid for a few minutes.")
    ]


class SessionPage(_Wire):
    """One page of sessions, newest first."""

    data: list[SessionRecord]
    total: int
    has_more: bool
    limit: int
    offset: int
    next_token: str | None


class Link(_Wire):
    """A link to hand to the applicant."""

    url: str
    type: Literal["session"]


class SessionCreated(_Wire):
    """A new session and where its applicant goes."""

    id: str
    session_url: str
    external_id: str | None
    links: list[Link]


class AttemptStarted(_Wire):
    """The open attempt and where its applicant goes."""

    session_id: str
    attempt: int
    attempts_left: int
    session_url: str
    expires_at: WireTime


class ChallengeAsked(_Wire):
    """What to ask the applicant, in this order."""

    phrase: Annotated[str, Field(description="The words to show and to say during `speak`.")]
    words: list[str]
    language: str
    steps: list[str]


class CaptureLimitsShown(_Wire):
    """What a capture may bring."""

    max_upload_bytes: int
    max_frames: int


class CaptureInvitation(_Wire):
    """What a capture token opens."""

    session_id: str
    attempt: int
    attempt_limit: int
    expires_at: WireTime
    challenge: ChallengeAsked
    limits: CaptureLimitsShown


class CaptureAccepted(_Wire):
    """The capture is kept and will be analysed. No verdict is shown to the applicant."""

    session_id: str
    attempt: int
    status: SessionStatus
    redirect_url: str | None


class Health(_Wire):
    """The process answers."""

    status: Literal["ok"]


class Readiness(_Wire):
    """Whether captures can be taken."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, bool]
