"""Routes of erasure: erase a session, and read the receipt of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import Field

from service.api.auth import ContextDep, Eraser, Reader, respond
from service.api.documented import error_responses
from service.api.result_schema import WireModel
from service.media.erasure import erase_by_caller, find_erasure, receipt

router = APIRouter(tags=["Erasure"])


class ErasureReceipt(WireModel):
    """That a session was erased, and how one can tell."""

    session_id: str
    organization_id: str
    actor: str = Field(description="The key that asked for it, or `retention`.")
    reason: str = Field(description="`request` or `retention`.")
    session_created_at: str
    erased_at: str = Field(description="From here on nothing of it could be read.")
    captures: int
    objects: int = Field(description="Stored files, which their key went with.")
    rows: int
    voiceprints: int
    key_sha256: str | None = Field(description="Digest of the wrapped data key; null without one.")
    proof_sha256: str = Field(
        description="SHA-256 of the fields above as JSON with sorted keys and without spaces; the "
        "audit log's entry `session.erased` holds it too."
    )
    finished_at: str | None = Field(
        description="When the files, unreadable since `erased_at`, were deleted; null: not yet."
    )


@router.delete(
    "/v1/sessions/{session_id}",
    response_model=ErasureReceipt,
    responses=error_responses("SESSION_NOT_FOUND"),
    summary="Erase a session",
)
def erase_session(
    request: Request,
    session_id: str,
    context: ContextDep,
    caller: Eraser,
    keep_voice: Annotated[
        bool, Query(description="Leave what the voice endpoints keep under its external_id.")
    ] = False,
) -> JSONResponse:
    """Erase all that is kept of a session and its applicant, for good; repeat it for the receipt.

    An analysis that is under way is abandoned. Needs the scope `sessions:delete`.
    """
    row = erase_by_caller(context, caller, session_id, with_voice=not keep_voice)
    return respond(request, receipt(row))


@router.get(
    "/v1/erasures/{session_id}",
    response_model=ErasureReceipt,
    responses=error_responses("ERASURE_NOT_FOUND"),
    summary="Retrieve the receipt of an erasure",
)
def erasure(request: Request, session_id: str, context: ContextDep, caller: Reader) -> JSONResponse:
    """Get the receipt, by the id that the session had."""
    return respond(request, receipt(find_erasure(context, caller, session_id)))
