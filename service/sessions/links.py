"""Attempts and their links: the token is derived, only its digest is kept."""

from __future__ import annotations

from service.challenge import draw_phrase, draw_steps
from service.clock import now_ms
from service.context import Context
from service.signing import token_digest
from service.tables import Attempt, PhraseMode, SessionRow, Workflow, new_id


def new_attempt(context: Context, session: SessionRow, workflow: Workflow) -> Attempt:
    """Return a fresh attempt of `session` with its challenge and its link; not yet stored."""
    attempt_id = new_id()
    return Attempt(
        id=attempt_id,
        session_id=session.id,
        number=session.attempt,
        token_sha256=token_digest(context.signer.capture_token(attempt_id, 1)),
        token_expires_at=_expiry(context),
        phrase=draw_phrase(PhraseMode(workflow.phrase_mode), workflow.custom_phrase),
        steps=draw_steps(),
    )


def renew_link(context: Context, attempt: Attempt, workflow: Workflow) -> None:
    """Give an open attempt a new link and challenge; the old link ends."""
    attempt.link_number += 1
    attempt.token_sha256 = token_digest(token_of(context, attempt))
    attempt.token_expires_at = _expiry(context)
    attempt.phrase = draw_phrase(PhraseMode(workflow.phrase_mode), workflow.custom_phrase)
    attempt.steps = draw_steps()


def token_of(context: Context, attempt: Attempt) -> str:
    """Return the capture token of an attempt."""
    return context.signer.capture_token(attempt.id, attempt.link_number)


def session_url(context: Context, attempt: Attempt) -> str:
    """Return where the applicant goes."""
    return f"{context.settings.effective_public_url}/s/{token_of(context, attempt)}"


def _expiry(context: Context) -> int:
    return now_ms() + round(1000 * context.settings.capture_token_ttl_s)
