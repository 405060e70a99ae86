"""Analyse one claimed attempt: every way it can end is recorded, none is left pending."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

from layers.capture.errors import DecodeTimeoutError, MediaError
from service.analyser import StoredCapture
from service.clock import now_ms
from service.context import Context
from service.jobs.attempts import record_crash, record_outage, record_verdict
from service.jobs.claims import AttemptGoneError, Claimed
from service.jobs.persistence import persistently
from service.logs import log_context
from service.media.keys import MasterKeyError
from service.media.store import MediaStoreError, MissingObjectError
from service.media.vault import NoMediaKeyError
from service.metrics.record import count_failed_try, count_verdict
from service.test_mode import ordered_evidence, ordered_outcome
from service.tracing import add_layer_spans, span
from verdict.engine import Decision, decide
from verdict.evidence import Evidence, LayerName

# Processes also die of what no capture is to blame for: a storm of kills must fail nobody.
DEATHS_FOR_A_TRY = 2
_LOG = logging.getLogger(__name__)


class AllLayersFailedError(RuntimeError):
    """Not one layer could run: the try has crashed, there is nothing to judge."""


async def analyse_attempt(context: Context, claimed: Claimed) -> None:
    """Analyse the capture, decide, and write the verdict; or count a crashed try.

    Where the session is erased meanwhile, nothing is written.
    """
    ids = {"attempt_id": claimed.attempt_id, "session_id": claimed.session_id}
    with (
        log_context(**ids, organization_id=claimed.organization_id, attempt=claimed.number),
        span("analysis", **ids),
    ):
        try:
            await _analyse(context, claimed)
        except AttemptGoneError:
            _LOG.info("erased during its analysis")


async def _analyse(context: Context, claimed: Claimed) -> None:
    place = {"session_id": claimed.session_id, "attempt": claimed.number, "try": claimed.tries}
    if claimed.tries > DEATHS_FOR_A_TRY * context.settings.max_tries:
        # Every try so far took the whole process along.
        await persistently(record_crash, context, claimed, "process_died")
        count_failed_try("process_died", is_final=True)
        _LOG.error("analysis failed for good", extra={**place, "reason": "process_died"})
        return
    try:
        decision = await _decide(context, claimed)
    except MissingObjectError as error:
        await _count_crash(context, claimed, "media_missing", error)
        return
    except (MediaStoreError, MasterKeyError) as error:
        await _wait_for_media(context, claimed, error)
        return
    except Exception as error:
        await _count_crash(context, claimed, _reason_of(error), error)
        return
    try:
        await persistently(record_verdict, context, claimed, decision)
    except AttemptGoneError:
        raise
    except Exception as error:
        await _count_crash(context, claimed, "verdict_not_recorded", error)
        return
    count_verdict(decision, (now_ms() - claimed.capture.received_at) / 1000)
    extra = {**place, "rule": decision.priority, "reason": str(decision.reason_code)}
    _LOG.info("verdict recorded", extra=extra)
    if decision.facts.deepfake_detected:
        _LOG.warning("security: deepfake detected", extra=extra)


async def _count_crash(context: Context, claimed: Claimed, reason: str, error: Exception) -> None:
    again = await persistently(record_crash, context, claimed, reason)
    count_failed_try(reason, is_final=not again)
    message = "analysis crashed, trying again" if again else "analysis failed for good"
    place = {"session_id": claimed.session_id, "attempt": claimed.number, "try": claimed.tries}
    # The type only: a message could hold words or paths of the session.
    _LOG.error(message, extra={**place, "reason": reason, "error": type(error).__name__})


async def _wait_for_media(context: Context, claimed: Claimed, error: Exception) -> None:
    reason = "master_key_wrong" if isinstance(error, MasterKeyError) else "media_store_away"
    again = await persistently(record_outage, context, claimed, reason)
    count_failed_try(reason, is_final=not again)
    extra = {"session_id": claimed.session_id, "attempt": claimed.number, "reason": reason}
    message = "media can't be read, trying again later" if again else "analysis failed for good"
    _LOG.error(message, extra=extra)


async def _decide(context: Context, claimed: Claimed) -> Decision:
    ordered = ordered_outcome(context.settings, claimed.order, claimed.number)
    if ordered is not None:
        return decide(ordered_evidence(ordered), context.policy)
    async with _in_thread(claimed.stored(context)) as stored:
        async with asyncio.timeout(context.settings.analysis_timeout_s):
            evidence = await context.analyser.analyse(stored, context.policy)
    add_layer_spans(evidence.timings_ms)
    _require_one_layer(evidence)
    return decide(evidence, context.policy)


@asynccontextmanager
async def _in_thread(
    unpacking: AbstractContextManager[StoredCapture],
) -> AsyncIterator[StoredCapture]:
    """Enter and leave in a thread: both read and write files."""
    entering = asyncio.ensure_future(asyncio.to_thread(unpacking.__enter__))
    try:
        yield await asyncio.shield(entering)
    finally:
        # A stop that comes while files are being written must not leave them there.
        await asyncio.shield(_leave(entering, unpacking))


async def _leave(
    entering: asyncio.Future[StoredCapture], unpacking: AbstractContextManager[StoredCapture]
) -> None:
    await asyncio.wait([entering])
    if entering.exception() is None:
        await asyncio.to_thread(unpacking.__exit__, None, None, None)


def _require_one_layer(evidence: Evidence) -> None:
    if len(evidence.not_executed) == len(LayerName):
        kinds = sorted({str(layer.kind) for layer in evidence.not_executed})
        raise AllLayersFailedError(", ".join(kinds))


def _reason_of(error: Exception) -> str:
    if isinstance(error, TimeoutError | DecodeTimeoutError):
        return "analysis_timed_out"
    if isinstance(error, MediaError):
        return "media_unreadable"
    if isinstance(error, FileNotFoundError | NoMediaKeyError):
        return "media_missing"
    return "analysis_crashed"
