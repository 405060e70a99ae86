"""Rate limits of the routes, as their dependencies; who is counted stands in each."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Depends, Request

from service.api.auth import ContextDep, Writer
from service.errors import ApiError
from service.limits.limiter import Limited, client_of

_GUESSED = ("CAPTURE_TOKEN_UNKNOWN", "LINK_INVALID")


def _creation(context: ContextDep, caller: Writer) -> None:
    context.limits.take(Limited.CREATE, caller.organization_id)


def _voice(context: ContextDep, caller: Writer) -> None:
    context.limits.take(Limited.VOICE, caller.organization_id)


def _view(request: Request, context: ContextDep) -> None:
    context.limits.take(Limited.VIEW, client_of(request))


def _upload(request: Request, context: ContextDep) -> None:
    context.limits.take(Limited.UPLOAD, client_of(request))


def _guesses(request: Request, context: ContextDep) -> Iterator[None]:
    """Count what named a token or a link that there is not; a right one is never refused."""
    try:
        yield
    except ApiError as error:
        if error.code in _GUESSED:
            context.limits.take(Limited.GUESS, client_of(request))
        raise


CREATION = Depends(_creation)
VOICE = Depends(_voice)
VIEW = Depends(_view)
UPLOAD = Depends(_upload)
GUESSES = Depends(_guesses)
