"""Time: integer milliseconds since 1970 in the tables, ISO 8601 in UTC with `Z` on the wire."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from verdict.wire import wire_time


def now_ms() -> int:
    """Return the time now, in milliseconds since 1970 (UTC)."""
    return time.time_ns() // 1_000_000


def as_datetime(ms: int) -> datetime:
    """Return `ms` since 1970 as a datetime in UTC."""
    seconds, rest = divmod(ms, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=1000 * rest)


def as_wire(ms: int) -> str:
    """Return `ms` since 1970 as the wire writes it, ``2026-11-20T09:30:00.000Z``."""
    return wire_time(as_datetime(ms))


def as_ms(moment: datetime) -> int:
    """Return milliseconds since 1970; a datetime without a zone is read as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)
