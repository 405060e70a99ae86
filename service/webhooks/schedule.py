"""When the next try is made: the published schedule, with jitter, and the receiver's own wish."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

# Each pause is drawn out by up to a fifth, never cut: receivers that come back after a failure
# are not met by everything at once.
_JITTER = 0.2
_RANDOM = secrets.SystemRandom()


def pause_after(
    failed_tries: int, schedule_s: Sequence[float], asked_s: float | None = None
) -> float | None:
    """Return the pause before the next try in seconds; None when the schedule is used up.

    Parameters
    ----------
    failed_tries
        Tries made in this round, at least 1.
    schedule_s
        Pause before each try; the first entry is that before the first.
    asked_s
        The ``Retry-After`` of the receiver: the pause is never shorter.
    """
    if failed_tries >= len(schedule_s):
        return None
    return max(schedule_s[failed_tries], asked_s or 0.0) * (1 + _RANDOM.uniform(0, _JITTER))
