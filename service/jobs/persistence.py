"""Calls to the database that outlast its absence: away, full or locked, it comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError

_LOG = logging.getLogger(__name__)
_PAUSE_S = 1.0
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


async def persistently(
    call: Callable[_Arguments, _Result], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Result:
    """Call in a thread, again and again while the database can't be reached or written.

    `call` must be one transaction that may be repeated: a commit whose answer was lost has
    happened.
    """
    while True:
        try:
            return await asyncio.to_thread(call, *args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            # The type only: the message holds the statement.
            _LOG.error("database not reached, trying again", extra={"error": type(error).__name__})
            await asyncio.sleep(_PAUSE_S)
