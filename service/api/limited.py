"""Rate limits of the routes, as their dependencies; who is counted stands in each."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Depends, Request

from service.api.auth import ContextDep, Writer
from service.captures.tokens import is_known
from service.context import Context
from service.errors import ApiError
from service.limits.limiter import Limited, client_of

_GUESSED = ("CAPTURE_TOKEN_UNKNOWN", "LINK_INVALID")


def _creation(context: ContextDep, caller: Writer) -> None:
    context.limits.take(Limited.CREATE, caller.organization_id)


def _voice(context: ContextDep, caller: Writer) -> None:
    context.limits.take(Limited.VOICE, caller.organization_id)


def _view(token: str, request: Request, context: ContextDep) -> None:
    _count_known(Limited.VIEW, token, request, context)


def _upload(token: str, request: Request, context: ContextDep) -> None:
    _count_known(Limited.UPLOAD, token, request, context)


def _count_known(what: Limited, token: str, request: Request, context: Context) -> None:
    """Count by address what names a link that there is: a wrong one is a guess, and no more.

    Otherwise whoever sends wrong ones keeps the right ones of the same address out.
    """
    if is_known(context, token):
        context.limits.take(what, client_of(request))


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
