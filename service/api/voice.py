"""Routes of the voice endpoints: compare, enrol, verify, look up, erase."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from sqlmodel import Session

from service.api.auth import ContextDep, Reader, Writer, respond
from service.api.documented import Responses, error_responses
from service.api.idempotent import IdempotencyKey
from service.api.limited import VOICE
from service.api.links import linked, voice_links
from service.api.result_schema import WireModel
from service.api.voice_schemas import VoiceComparison, VoiceEnrollment, VoiceVerification
from service.context import Context
from service.errors import BadRequestError, NotFoundError
from service.keys import Caller
from service.sessions.requests import BothCasings, Identifier
from service.tables import new_id
from service.voice.compare import compare_voices
from service.voice.desk import VoiceDesk
from service.voice.requests import CompareVoices, EnrollVoice, VerifyVoice, read_request
from service.voice.submit import submit_voice
from service.voice.tables import VoiceKind, VoiceRequestRow, VoiceState
from service.voice.views import WireObject, request_view
from service.voice.voiceprints import erase_voiceprint
from service.voice.work import wait_for

router = APIRouter(prefix="/v1/voice", tags=["Voice"])
_UPLOAD_ERRORS = (
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "INVALID_MEDIA",
    "ANALYSIS_BUSY",
    "ANALYSIS_TIMED_OUT",
)
_CREATE_ERRORS = (*_UPLOAD_ERRORS, "REQUEST_UUID_REUSED", "IDEMPOTENCY_KEY_REUSED")
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*(?:=\s*\"?(\d{1,6})\"?)?\s*(?=[,;]|$)", re.IGNORECASE)
_Model = TypeVar("_Model", bound=BothCasings)
_Prefer = Annotated[
    str | None,
    Header(description="`wait`, or `wait=SECONDS`, for the result in place of a 202."),
]


def _desk(request: Request) -> VoiceDesk:
    desk: VoiceDesk = request.app.state.voice
    return desk


DeskDep = Annotated[VoiceDesk, Depends(_desk)]


def _body_of(model: type[BothCasings], *files: str) -> dict[str, Any]:
    """Return the request body for the document: the same fields as JSON or as a form."""
    fields = model.model_json_schema()
    form = {
        name: {"type": "string", "format": "binary"} if name in files else schema
        for name, schema in fields["properties"].items()
    }
    required = fields["required"]
    form_schema = {"type": "object", "required": required, "properties": form}
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {
        "multipart/form-data": {"schema": form_schema},
        "application/json": {"schema": reference, "examples": _examples(fields)},
    }
    return {"requestBody": {"required": True, "content": content}}


def _examples(fields: dict[str, Any]) -> dict[str, Any]:
    return {"request": {"value": fields["examples"][0]}}


def _in_place(model: type[WireModel]) -> Responses:
    description = "The result: with `Prefer: wait` in time, or of an earlier request of this uuid."
    links = voice_links("enrollment" if model is VoiceEnrollment else "verification")
    in_place = linked(200, **links)[200] | {"model": model, "description": description}
    return linked(202, **links) | {200: in_place}


@router.post(
    "/compare",
    response_model=VoiceComparison,
    responses=error_responses(*_UPLOAD_ERRORS, "SPEAKER_ENCODER_MISSING"),
    dependencies=[VOICE],
    openapi_extra=_body_of(CompareVoices, "recording_a", "recording_b"),
    summary="Compare two recordings",
)
async def compare(
    request: Request, context: ContextDep, desk: DeskDep, caller: Writer
) -> JSONResponse:
    """Say how alike two voices are, how synthetic each recording sounds, and what that means."""
    asked = await _read(request, context, CompareVoices)
    return respond(request, await compare_voices(desk, caller, asked))


@router.post(
    "/enrollments",
    status_code=202,
    response_model=VoiceEnrollment,
    responses=_in_place(VoiceEnrollment) | error_responses(*_CREATE_ERRORS),
    dependencies=[VOICE],
    openapi_extra=_body_of(EnrollVoice, "voice_data"),
    summary="Enrol a voice",
)
async def enroll(
    request: Request,
    context: ContextDep,
    desk: DeskDep,
    caller: Writer,
    prefer: _Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Keep a person's voiceprint, encrypted; a new one takes the place of an earlier one."""
    asked = await _read(request, context, EnrollVoice)
    return await _submitted(request, desk, caller, asked, prefer, idempotency_key)


@router.post(
    "/verifications",
    status_code=202,
    response_model=VoiceVerification,
    responses=_in_place(VoiceVerification)
    | error_responses(
        *_CREATE_ERRORS,
        "VOICEPRINT_NOT_FOUND",
        "VOICE_RETRY_CLOSED",
    ),
    dependencies=[VOICE],
    openapi_extra=_body_of(VerifyVoice, "voice_data"),
    summary="Verify a voice",
)
async def verify(
    request: Request,
    context: ContextDep,
    desk: DeskDep,
    caller: Writer,
    prefer: _Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Say whether a recording is of the enrolled person; synthetic audio is rejected first."""
    asked = await _read(request, context, VerifyVoice)
    return await _submitted(request, desk, caller, asked, prefer, idempotency_key)


@router.get(
    "/enrollments/{enrollment_id}",
    response_model=VoiceEnrollment,
    responses=error_responses("VOICE_REQUEST_NOT_FOUND"),
    summary="Retrieve an enrolment",
)
def enrollment(
    request: Request, enrollment_id: str, context: ContextDep, caller: Reader
) -> JSONResponse:
    """Get an enrolment, as it stands; poll while it is `processing`."""
    return respond(request, _found(context, caller, VoiceKind.ENROLLMENT, enrollment_id))


@router.get(
    "/verifications/{verification_id}",
    response_model=VoiceVerification,
    responses=error_responses("VOICE_REQUEST_NOT_FOUND"),
    summary="Retrieve a verification",
)
def verification(
    request: Request, verification_id: str, context: ContextDep, caller: Reader
) -> JSONResponse:
    """Get a verification, as it stands; poll while it is `processing`."""
    return respond(request, _found(context, caller, VoiceKind.VERIFICATION, verification_id))


@router.delete(
    "/voiceprints/{external_id:path}",
    status_code=204,
    response_class=Response,
    responses=error_responses("VOICEPRINT_NOT_FOUND"),
    summary="Erase a voice",
)
def erase(external_id: Identifier, context: ContextDep, caller: Writer) -> Response:
    """Erase the voiceprint of a person, from the database's files too."""
    if not erase_voiceprint(context.database, caller, external_id):
        raise NotFoundError("nobody of that external_id is enrolled", "VOICEPRINT_NOT_FOUND")
    return Response(status_code=204)


async def _read(request: Request, context: Context, model: type[_Model]) -> _Model:
    limit_s = context.settings.upload_timeout_s
    with context.uploads.taken(new_id()):
        try:
            async with asyncio.timeout(limit_s):
                return await read_request(request, model)
        except TimeoutError:
            raise BadRequestError("the upload took too long; send a shorter recording") from None


async def _submitted(
    request: Request,
    desk: VoiceDesk,
    caller: Caller,
    asked: EnrollVoice,
    prefer: str | None,
    idempotency_key: str | None,
) -> JSONResponse:
    begin = time.monotonic()
    kind = VoiceKind.VERIFICATION if isinstance(asked, VerifyVoice) else VoiceKind.ENROLLMENT
    accepted = await submit_voice(desk, caller, asked, idempotency_key)
    headers = {"Location": f"{router.prefix}/{kind}s/{accepted.request_id}"}
    if accepted.replayed:
        headers["Idempotency-Replayed"] = "true"
    seconds = wait_asked(prefer, desk.context.settings.max_voice_wait_s)
    if seconds is not None:
        headers["Preference-Applied"] = "wait"
        # From the start of the request: a client's own limit counts the decoding too.
        left_s = max(0.0, seconds - (time.monotonic() - begin))
        await wait_for(desk, accepted.request_id, left_s)
    view = await asyncio.to_thread(_found, desk.context, caller, kind, accepted.request_id)
    status = 202 if view["status"] == VoiceState.PROCESSING else 200
    return respond(request, view, status, headers)


def wait_asked(prefer: str | None, most_s: float) -> float | None:
    """Return how long to wait in place by the header ``Prefer`` (RFC 7240); None for not at all."""
    found = _WAIT.search(prefer or "")
    if found is None:
        return None
    return most_s if found.group(1) is None else min(float(found.group(1)), most_s)


def _found(context: Context, caller: Caller, kind: VoiceKind, request_id: str) -> WireObject:
    with context.database.read() as db:
        row = _row_of(db, caller, kind, request_id)
    return request_view(row)


def _row_of(db: Session, caller: Caller, kind: VoiceKind, request_id: str) -> VoiceRequestRow:
    row = db.get(VoiceRequestRow, request_id)
    if row is None or row.organization_id != caller.organization_id or row.kind != kind:
        raise NotFoundError(f"this tenant has no such {kind}", "VOICE_REQUEST_NOT_FOUND")
    return row
