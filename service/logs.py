"""Logs: one JSON object a line, with ids and numbers only (never paths, which hold tokens)."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from pathlib import Path

from service.clock import as_wire

request_id_var: ContextVar[str | None] = ContextVar("request_id", default=None)

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
    "delivery_id",
    "endpoint_id",
)
_FRAMES_SHOWN = 4


class JsonLines(logging.Formatter):
    """Writes the message and the fields that are known to hold no personal data."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        line: dict[str, object] = {
            "time": as_wire(round(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = request_id_var.get()
        if request_id is not None:
            line["request_id"] = request_id
        for name in _FIELDS:
            value = getattr(record, name, None)
            if value is not None:
                line[name] = value
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            # Where it happened, and not its message, which could hold what was sent.
            frames = traceback.extract_tb(record.exc_info[2])[-_FRAMES_SHOWN:]
            line["where"] = [f"{Path(one.filename).name}:{one.lineno}" for one in frames]
        return json.dumps(line, ensure_ascii=False)


def configure_logs(level: str) -> None:
    """Send the service's logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # One line for every malformed upload would let a client fill the disk.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
