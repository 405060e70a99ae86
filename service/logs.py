"""Logs: one JSON object a line, with ids and numbers only (never paths, which hold tokens).

What a line belongs to (request, session, attempt, tenant) is noted once, in a context of its own
per request or job; every line written in it carries it, in threads that it starts, too.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Literal, TextIO

from service.clock import as_wire

# One dictionary per request or job: handlers run in threads with copies of the context, and what
# they note must reach the line that is written at the end.
_NOTED: ContextVar[dict[str, str | int] | None] = ContextVar("log_context", default=None)
_ORDER = (
    "request_id",
    "organization_id",
    "session_id",
    "attempt",
    "attempt_id",
    "delivery_id",
    "voice_request_id",
)
_FIELDS = (
    "method",
    "route",
    "status",
    "ms",
    "session_id",
    "attempt_id",
    "attempt",
    "try",
    "rule",
    "reason",
    "error",
    "count",
    "capture_id",
    "voice_request_id",
    "match_score",
    "slot",
    "port",
    "delivery_id",
    "endpoint_id",
)
_FRAMES_SHOWN = 4
_OWN = ("service", "layers", "verdict", "uvicorn.error")
# What a client may send as its request id: nothing that could hold an address or a sentence.
# Never what has the shape of a key: it would stand in every line.
_CLIENT_ID = re.compile(r"(?!bf_)[A-Za-z0-9_-]{8,64}")


@contextmanager
def log_context(**fields: str | int) -> Iterator[None]:
    """Begin a request or job: lines written in it carry `fields` and what is noted later."""
    token = _NOTED.set(dict(fields))
    try:
        yield
    finally:
        _NOTED.reset(token)


def note_for_log(**fields: str | int) -> None:
    """Add to what the lines of this request or job carry; outside of one it does nothing."""
    noted = _NOTED.get()
    if noted is not None:
        noted.update(fields)


def noted_for_log() -> dict[str, str | int]:
    """Return what lines carry here."""
    return dict(_NOTED.get() or {})


def current_request_id() -> str | None:
    """Return the id of the request under way."""
    found = (_NOTED.get() or {}).get("request_id")
    return None if found is None else str(found)


def accepted_request_id(sent: str | None) -> str | None:
    """Return the id that a client gave its request, where it is harmless."""
    return sent if sent is not None and _CLIENT_ID.fullmatch(sent) else None


class JsonLines(logging.Formatter):
    """Writes the message and the fields that are known to hold no personal data."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line = {
            "time": as_wire(round(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        return json.dumps(line | _details(record), ensure_ascii=False)


class TextLines(logging.Formatter):
    """Writes the same for people at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        time = as_wire(round(record.created * 1000))[11:23]
        details = " ".join(f"{name}={value}" for name, value in _details(record).items())
        return f"{time} {record.levelname:<7} {record.getMessage()}  {details}".rstrip()


def _details(record: logging.LogRecord) -> dict[str, object]:
    noted = _NOTED.get() or {}
    found: dict[str, object] = {name: noted[name] for name in _ORDER if name in noted}
    for name in _FIELDS:
        value = getattr(record, name, None)
        if value is not None:
            found[name] = value
    if record.exc_info and record.exc_info[0] is not None:
        found["error"] = record.exc_info[0].__name__
        # Where it happened, and not its message, which could hold what was sent.
        frames = traceback.extract_tb(record.exc_info[2])[-_FRAMES_SHOWN:]
        found["where"] = [f"{Path(one.filename).name}:{one.lineno}" for one in frames]
    return found


def configure_logs(
    level: str, form: Literal["auto", "json", "text"] = "auto", stream: TextIO | None = None
) -> None:
    """Send the service's logs to standard error.

    Libraries are heard from warnings up, whatever the level: what they write when they are
    debugged (headers, addresses, parts of uploads) has no place in a log.
    """
    chosen = stream or sys.stderr
    is_text = form == "text" or (form == "auto" and chosen.isatty())
    handler = logging.StreamHandler(chosen)
    handler.setFormatter(TextLines() if is_text else JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    wanted = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(wanted, logging.WARNING))
    for name in _OWN:
        logging.getLogger(name).setLevel(wanted)
    # One line for every malformed upload would let a client fill the disk.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
