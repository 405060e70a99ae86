"""Route of the audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field, JsonValue

from service.api.auth import AuditReader, ContextDep, respond
from service.api.documented import error_responses
from service.api.result_schema import WireModel, WireTime
from service.audit.read import AuditFilter, list_entries
from service.sessions.requests import BothCasings

router = APIRouter(prefix="/v1/audit", tags=["Audit"])
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class AuditEntry(WireModel):
    """One entry. `sha256` is that of `previous_sha256`, a line feed and `canonical`."""

    number: int
    at: WireTime
    action: str
    actor: Annotated[str, Field(description="`key:ID`, `applicant`, `link`, `engine` or `cli`.")]
    subject_id: str | None
    details: dict[str, JsonValue]
    previous_sha256: Digest
    sha256: Digest
    canonical: Annotated[str, Field(description="The JSON text that was hashed.")]


class AuditHead(WireModel):
    """The end of the chain: keep it elsewhere, and a log cut short is noticed."""

    number: int
    sha256: Digest


class AuditPage(WireModel):
    """One page of entries, newest first."""

    model_config = ConfigDict(extra="forbid")

    data: list[AuditEntry]
    has_more: bool
    limit: int
    next_token: str | None
    head: AuditHead | None


class AuditQuery(BothCasings):
    """Which entries to list. camelCase names are read too."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    next_token: Annotated[
        int | None, Field(ge=1, le=2**53, description="From the page before.")
    ] = None
    action: Annotated[str | None, Field(max_length=100)] = None
    actor: Annotated[str | None, Field(max_length=100)] = None
    subject_id: Annotated[str | None, Field(max_length=100)] = None

    def as_filter(self) -> AuditFilter:
        """Return the filter."""
        return AuditFilter(
            limit=self.limit,
            before=self.next_token,
            action=self.action,
            actor=self.actor,
            subject_id=self.subject_id,
        )


@router.get("", response_model=AuditPage, responses=error_responses(), summary="List the audit log")
def list_(
    request: Request,
    query: Annotated[AuditQuery, Query()],
    context: ContextDep,
    caller: AuditReader,
) -> JSONResponse:
    """List what was decided, read, changed and erased, newest first: ids and digests only."""
    page = list_entries(context.database, caller.organization_id, query.as_filter())
    return respond(request, page)
