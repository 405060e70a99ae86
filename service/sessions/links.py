"""Attempts and their links: the token is derived, only its digest is kept."""

from __future__ import annotations

from service.challenge import ChallengeError, draw_steps, recipe_of
from service.clock import now_ms
from service.context import Context
from service.errors import FieldError, UnprocessableError
from service.signing import token_digest
from service.tables import Attempt, SessionRow, Workflow, new_id


def new_attempt(context: Context, session: SessionRow, workflow: Workflow) -> Attempt:
    """Return a fresh attempt of `session` with its challenge and its link; not yet stored.

    Raises
    ------
    UnprocessableError
        When the workflow asks for what the recogniser in use can't hear.
    """
    attempt_id = new_id()
    return Attempt(
        id=attempt_id,
        session_id=session.id,
        number=session.attempt,
        token_sha256=token_digest(context.signer.capture_token(attempt_id, 1)),
        token_expires_at=_expiry(context),
        phrase=_phrase(context, workflow),
        language=workflow.language,
        steps=draw_steps(),
    )


def renew_link(context: Context, attempt: Attempt, workflow: Workflow) -> None:
    """Give an open attempt a new link and challenge; the old link ends."""
    attempt.link_number += 1
    attempt.token_sha256 = token_digest(token_of(context, attempt))
    attempt.token_expires_at = _expiry(context)
    attempt.phrase, attempt.language = _phrase(context, workflow), workflow.language
    attempt.steps = draw_steps()


def token_of(context: Context, attempt: Attempt) -> str:
    """Return the capture token of an attempt."""
    return context.signer.capture_token(attempt.id, attempt.link_number)


def session_url(context: Context, attempt: Attempt) -> str:
    """Return where the applicant goes."""
    return f"{context.settings.effective_public_url}/s/{token_of(context, attempt)}"


def _phrase(context: Context, workflow: Workflow) -> str:
    try:
        recipe = recipe_of(workflow)
        recipe.check(has_whisper=context.settings.whisper_checkpoint is not None)
    except ChallengeError as error:
        message = f"the workflow can't be used: {error}"
        raise UnprocessableError(message, fields=[FieldError("workflow_id", message)]) from None
    return recipe.draw()


def _expiry(context: Context) -> int:
    return now_ms() + round(1000 * context.settings.capture_token_ttl_s)
