"""Take a capture: received, checked, sealed, and only then the token is used and work queued.

Whatever fails before the last transaction leaves the link usable and the attempt unused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import Session, col, update

from layers.capture.errors import DecodeTimeoutError, MediaError
from service.analyser import AnalyserBusyError, StoredCapture
from service.captures.multipart import CaptureUpload, UploadLimits
from service.captures.prepare import DESCRIPTION_FILE, prepare_folder
from service.captures.storage import discard, new_scratch, place_of
from service.captures.tokens import OpenAttempt, check_queue, open_attempt
from service.clock import now_ms
from service.context import Context
from service.errors import (
    AnalysisBusyError,
    ApiError,
    BadRequestError,
    ConflictError,
    InvalidMediaError,
    NotFoundError,
    NotReadyError,
    PayloadTooLargeError,
    UnsupportedMediaError,
)
from service.events import add_event, status_event
from service.lifecycle import SUBMITTED
from service.limits.limiter import Limited
from service.media.keys import MasterKeyError
from service.media.vault import NoMediaKeyError
from service.metrics.record import count_refused_capture
from service.sessions.change import apply_standing
from service.settings import Settings
from service.tables import Attempt, AttemptState, CaptureRow, SessionRow, SessionStatus, new_id
from service.test_mode import ordered_outcome
from verdict.measurement import QualityFinding

_LOG = logging.getLogger(__name__)


class ClientGoneError(Exception):
    """The connection ended while the upload was under way."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, for the session's meta data."""

    ip: str | None
    user_agent: str | None


class UploadBody(Protocol):
    """The request, as far as an upload needs it."""

    content_type: str
    content_length: int | None

    def stream(self) -> AsyncIterator[bytes]:
        """Yield the body; raises `ClientGoneError` when it ends early."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A capture that passed every check and is still in staging."""

    stored: StoredCapture
    names: list[str]
    n_bytes: int
    received_ms: int


@dataclass(frozen=True, slots=True)
class _Sealed:
    """Where media lies in the store, and the key it was sealed with."""

    place: str
    data_key: bytes = field(repr=False)


async def submit_capture(
    context: Context, token: str, body: UploadBody, sender: Sender
) -> SessionRow:
    """Take the capture of one attempt and queue its analysis.

    Raises
    ------
    ApiError
        For every reason a capture is not taken; see docs/api.md for the codes.
    """
    opened = await asyncio.to_thread(_check_token, context, token)
    _check_header(context.settings, body)
    if not context.analyser.is_ready:
        raise NotReadyError("the models are being loaded; try again shortly")
    with context.uploads.taken(opened.attempt.id):
        session = await _take(context, token, opened, body, sender)
    context.jobs.wake(opened.attempt.id)
    return session


async def _take(
    context: Context, token: str, opened: OpenAttempt, body: UploadBody, sender: Sender
) -> SessionRow:
    staged = await asyncio.to_thread(new_scratch, context.settings, opened.session.id)
    try:
        checked = await _receive(context, opened, staged, body)
        order = ordered_outcome(
            context.settings, opened.session.test_outcomes, opened.attempt.number
        )
        if order is None:  # an ordered outcome needs no face
            await _inspect(context, checked.stored)
    except BaseException:
        await asyncio.to_thread(discard, staged)
        raise
    # From here on the folder is the thread's own: it goes on when this request is cancelled.
    return await asyncio.to_thread(_commit, context, token, opened, checked, sender)


def _check_token(context: Context, token: str) -> OpenAttempt:
    with context.database.read() as db:
        opened = open_attempt(db, token)
        check_queue(context, db, opened.session.organization_id)
    context.limits.take(Limited.LINK, opened.attempt.id)
    return opened


def _check_header(settings: Settings, body: UploadBody) -> None:
    if not body.content_type.lower().startswith("multipart/form-data"):
        raise UnsupportedMediaError("send the capture as multipart/form-data")
    if body.content_length is not None and body.content_length > settings.max_upload_bytes:
        message = f"a capture may have at most {settings.max_upload_bytes} bytes"
        raise PayloadTooLargeError(message)


async def _receive(
    context: Context, opened: OpenAttempt, staged: Path, body: UploadBody
) -> _Checked:
    settings, attempt = context.settings, opened.attempt
    limits = UploadLimits(
        settings.max_upload_bytes,
        settings.max_json_bytes,
        settings.max_frames + 1,  # the frames and the sound
    )
    upload = CaptureUpload(body.content_type, staged, limits)
    try:
        async with asyncio.timeout(settings.upload_timeout_s):
            async for chunk in body.stream():
                await asyncio.to_thread(upload.write, chunk)
        files, json_text = upload.finish()
    except TimeoutError:
        raise BadRequestError("the upload took too long; send a shorter capture") from None
    except ClientGoneError:
        raise BadRequestError("the upload ended early; send it again") from None
    finally:
        upload.abandon()
    received_ms = now_ms()
    description, names = await asyncio.to_thread(
        prepare_folder, staged, files, json_text, attempt.steps
    )
    stored = description.stored(
        new_id(), staged, attempt.phrase, attempt.language, received_ms, opened.opened_ms
    )
    return _Checked(stored, names, sum(file.n_bytes for file in files), received_ms)


async def _inspect(context: Context, stored: StoredCapture) -> None:
    """Decode in a child; refuse what can't be used or should be recorded again."""
    try:
        findings = await context.analyser.inspect(stored)
    except (AnalyserBusyError, DecodeTimeoutError):
        raise AnalysisBusyError("too busy to check the capture now; send it again") from None
    except MediaError as error:
        count_refused_capture(error.code)
        finding = QualityFinding(error.code, None, None, str(error), refuses=True)
        message = "the media can't be used; record it again"
        raise InvalidMediaError(message, [finding]) from None
    refusing = [finding for finding in findings if finding.refuses]
    if refusing:
        count_refused_capture(refusing[0].code)
        message = "the capture can't be judged; follow the hints and record it again"
        raise InvalidMediaError(message, refusing)


def _commit(
    context: Context, token: str, opened: OpenAttempt, checked: _Checked, sender: Sender
) -> SessionRow:
    """Seal the media into the store, then use the token, write the capture, queue the attempt."""
    folder = checked.stored.folder
    try:
        sealed = _seal(context, opened, checked)
    finally:
        discard(folder)
    try:
        return _write(context, token, checked, sealed, sender)
    except (ApiError, IntegrityError, StaleDataError):
        # Somebody was faster. After any other failure the commit may have gone through: the
        # media stays, and the sweep removes what no row speaks of.
        context.media.abandon(context.database, sealed.place)
        raise


def _seal(context: Context, opened: OpenAttempt, checked: _Checked) -> _Sealed:
    session_id, media = opened.session.id, context.media
    place = place_of(session_id, opened.attempt.number, checked.stored.id)
    files = [checked.stored.folder / name for name in (DESCRIPTION_FILE, *checked.names)]
    with _keeping():
        data_key = media.begin(context.database, session_id, place)
        media.keep(data_key, session_id, place, files)
    return _Sealed(place, data_key)


@contextmanager
def _keeping() -> Iterator[None]:
    """Tell the applicant what it means where media can't be kept."""
    try:
        yield
    except NoMediaKeyError:
        message = "this link is not known, or a newer one has taken its place"
        raise NotFoundError(message, "CAPTURE_TOKEN_UNKNOWN") from None
    except (OSError, MasterKeyError) as error:
        _LOG.error("capture not kept", extra={"error": type(error).__name__})
        raise NotReadyError("the capture can't be kept now; send it again") from None


def _write(
    context: Context, token: str, checked: _Checked, sealed: _Sealed, sender: Sender
) -> SessionRow:
    with context.database.write() as db:
        fresh = open_attempt(db, token, lock=True)
        session = fresh.session
        with _keeping():
            context.media.settle(db, session.id, sealed.place, sealed.data_key)
        _use_token(db, fresh.attempt)
        db.add(
            CaptureRow(
                id=checked.stored.id,
                attempt_id=fresh.attempt.id,
                session_id=session.id,
                folder=sealed.place,
                files=checked.names,
                n_bytes=checked.n_bytes,
                received_at=checked.received_ms,
            )
        )
        apply_standing(session, SUBMITTED)
        session.submitted_at = checked.received_ms
        session.applicant_ip = sender.ip
        session.applicant_user_agent = sender.user_agent
        add_event(db, session, status_event(SessionStatus.SUBMITTED), "applicant")
        context.jobs.enqueue(db, fresh.attempt, session.organization_id)
    return session


def _use_token(db: Session, attempt: Attempt) -> None:
    """Use the token, once: of two captures that come this far at once, one finds it used."""
    result = db.exec(
        update(Attempt)
        .where(col(Attempt.id) == attempt.id, col(Attempt.token_used_at).is_(None))
        .values(token_used_at=now_ms(), state=AttemptState.QUEUED)
    )
    if result.rowcount != 1:
        raise ConflictError("this link was used; ask for a new one", "CAPTURE_TOKEN_USED")
