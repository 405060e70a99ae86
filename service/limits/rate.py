"""A token bucket in one number: the time at which it will be full again.

The generic cell rate algorithm (ITU-T I.371, annex A): each request moves that time on by the time
one token takes to come back; a request that would move it further than a whole bucket is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests at once, and as many again in every `per_s` seconds.

    Raises
    ------
    ValueError
        When either is not positive.
    """

    burst: int
    per_s: float

    def __post_init__(self) -> None:
        if self.burst < 1 or self.per_s <= 0:
            msg = "a rate needs at least one request, and more than no time"
            raise ValueError(msg)

    @property
    def interval_us(self) -> int:
        """How long one token takes to come back."""
        return max(1, round(_US * self.per_s / self.burst))

    @property
    def capacity_us(self) -> int:
        """How long an empty bucket takes to fill."""
        return self.interval_us * self.burst

    def taken(self, full_at_us: int, now_us: int) -> tuple[int, int]:
        """Return when the bucket is full again, and how long to wait: 0 when a token was taken."""
        after_us = max(full_at_us, now_us) + self.interval_us
        wait_us = after_us - now_us - self.capacity_us
        return (full_at_us, wait_us) if wait_us > 0 else (after_us, 0)


def seconds(wait_us: int) -> int:
    """Return what to tell a client: whole seconds, rounded up, one at least."""
    return max(1, math.ceil(wait_us / _US))


def _read(value: Any) -> Any:
    """Read ``600/60``: 600 requests in 60 seconds; ``off`` for no limit."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "off":
        return None
    burst, _, per_s = value.partition("/")
    try:
        return Rate(int(burst), float(per_s))
    except ValueError:
        msg = 'write a limit as REQUESTS/SECONDS, for example "600/60", or "off"'
        raise ValueError(msg) from None


def _write(rate: Rate | None) -> str:
    return "off" if rate is None else f"{rate.burst}/{rate.per_s:g}"


Limit = Annotated[Rate | None, BeforeValidator(_read), PlainSerializer(_write)]
