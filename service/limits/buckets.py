"""Where the buckets are kept: in this process, or in a table that several processes share."""

from __future__ import annotations

import threading
import time
from typing import Protocol

from sqlalchemy import Engine, text

from service.limits.rate import Rate

_US = 1_000_000
# A bucket is a hundred bytes; who makes more of them than this empties nobody else's memory.
_MOST_KEPT = 50_000

# The time is the database's: processes whose clocks differ agree about it. A refused request
# changes no row, so that a flood writes nothing.
_TAKE = text("""
    INSERT INTO rate_limits AS kept (bucket, full_at_us)
    VALUES (:bucket, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint + :interval_us)
    ON CONFLICT (bucket) DO UPDATE SET full_at_us = :interval_us + greatest(
        kept.full_at_us, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint)
    WHERE greatest(kept.full_at_us - (extract(epoch FROM statement_timestamp()) * 1000000)::bigint,
        0) + :interval_us <= :capacity_us
    RETURNING full_at_us
""")
_WAIT = text("""
    SELECT full_at_us - (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
    FROM rate_limits WHERE bucket = :bucket
""")
_FORGET = text("""
    DELETE FROM rate_limits
    WHERE full_at_us < (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
""")


class Buckets(Protocol):
    """Keeps token buckets by name."""

    def take(self, bucket: str, rate: Rate) -> int:
        """Take a token; return how many microseconds to wait, 0 when there was one."""


class OwnBuckets:
    """Buckets of this process alone. Safe in threads."""

    def __init__(self) -> None:
        self._full_at_us: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, bucket: str, rate: Rate) -> int:
        """Take a token; return how many microseconds to wait, 0 when there was one."""
        now_us = time.monotonic_ns() // 1000
        with self._lock:
            full_at_us, wait_us = rate.taken(self._full_at_us.get(bucket, 0), now_us)
            if wait_us == 0:
                self._full_at_us[bucket] = full_at_us
                if len(self._full_at_us) > _MOST_KEPT:
                    self._forget(now_us)
            return wait_us

    def _forget(self, now_us: int) -> None:
        """Drop the buckets that are full and, when that is not enough, the fuller half."""
        kept = {name: at for name, at in self._full_at_us.items() if at > now_us}
        if len(kept) > _MOST_KEPT // 2:
            emptiest = sorted(kept, key=kept.__getitem__, reverse=True)[: _MOST_KEPT // 2]
            kept = {name: kept[name] for name in emptiest}
        self._full_at_us = kept


class SharedBuckets:
    """Buckets of all processes on one PostgreSQL database: one statement takes a token.

    A bucket that refused is asked again only when it can have a token: a flood costs memory here
    and nothing there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._refused_until_us: dict[str, int] = {}

    def take(self, bucket: str, rate: Rate) -> int:
        """Take a token; return how many microseconds to wait, 0 when there was one."""
        now_us = time.monotonic_ns() // 1000
        wait_us = self._refused_until_us.get(bucket, 0) - now_us
        if wait_us > 0:
            return wait_us
        limits = {"interval_us": rate.interval_us, "capacity_us": rate.capacity_us}
        with self._engine.connect() as connection:
            taken = connection.execute(_TAKE, {"bucket": bucket, **limits}).first()
            if taken is not None:
                self._refused_until_us.pop(bucket, None)
                return 0
            full_in_us = connection.execute(_WAIT, {"bucket": bucket}).scalar() or 0
        wait_us = max(1, full_in_us + rate.interval_us - rate.capacity_us)
        if len(self._refused_until_us) > _MOST_KEPT:
            self._refused_until_us.clear()
        self._refused_until_us[bucket] = now_us + wait_us
        return wait_us


def forget_full_buckets(engine: Engine) -> int:
    """Remove the shared buckets that are full again; return how many."""
    if engine.dialect.name != "postgresql":
        return 0
    with engine.begin() as connection:
        return connection.execute(_FORGET).rowcount
