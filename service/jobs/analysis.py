"""Analyse one claimed attempt: every way it can end is recorded, none is left pending."""

from __future__ import annotations

import asyncio
import logging

from layers.capture.errors import DecodeTimeoutError, MediaError
from service.context import Context
from service.jobs.attempts import record_crash, record_verdict
from service.jobs.claims import Claimed
from service.jobs.persistence import persistently
from verdict.engine import Decision, decide
from verdict.evidence import Evidence, LayerName

_LOG = logging.getLogger(__name__)


class AllLayersFailedError(RuntimeError):
    """Not one layer could run: the try has crashed, there is nothing to judge."""


async def analyse_attempt(context: Context, claimed: Claimed) -> None:
    """Analyse the capture, decide, and write the verdict; or count a crashed try."""
    place = {"session_id": claimed.session_id, "attempt": claimed.number, "try": claimed.tries}
    if claimed.tries > context.settings.max_tries:
        # Every try so far took the whole process along.
        await persistently(record_crash, context, claimed, "process_died")
        _LOG.error("analysis failed for good", extra={**place, "reason": "process_died"})
        return
    try:
        decision = await _decide(context, claimed)
    except Exception as error:
        await _count_crash(context, claimed, _reason_of(error), error)
        return
    try:
        await persistently(record_verdict, context, claimed, decision)
    except Exception as error:
        await _count_crash(context, claimed, "verdict_not_recorded", error)
        return
    extra = {**place, "rule": decision.priority, "reason": str(decision.reason_code)}
    _LOG.info("verdict recorded", extra=extra)
    if decision.facts.deepfake_detected:
        _LOG.warning("security: deepfake detected", extra=extra)


async def _count_crash(context: Context, claimed: Claimed, reason: str, error: Exception) -> None:
    again = await persistently(record_crash, context, claimed, reason)
    message = "analysis crashed, trying again" if again else "analysis failed for good"
    place = {"session_id": claimed.session_id, "attempt": claimed.number, "try": claimed.tries}
    # The type only: a message could hold words or paths of the session.
    _LOG.error(message, extra={**place, "reason": reason, "error": type(error).__name__})


async def _decide(context: Context, claimed: Claimed) -> Decision:
    stored = await asyncio.to_thread(claimed.stored, context)
    async with asyncio.timeout(context.settings.analysis_timeout_s):
        evidence = await context.analyser.analyse(stored, context.policy)
    _require_one_layer(evidence)
    return decide(evidence, context.policy)


def _require_one_layer(evidence: Evidence) -> None:
    if len(evidence.not_executed) == len(LayerName):
        kinds = sorted({str(layer.kind) for layer in evidence.not_executed})
        raise AllLayersFailedError(", ".join(kinds))


def _reason_of(error: Exception) -> str:
    if isinstance(error, TimeoutError | DecodeTimeoutError):
        return "analysis_timed_out"
    if isinstance(error, MediaError):
        return "media_unreadable"
    if isinstance(error, FileNotFoundError):
        return "media_missing"
    return "analysis_crashed"
