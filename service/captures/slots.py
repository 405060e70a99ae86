"""How many uploads may be under way: each holds disk, and one link can be opened many times.

Used on the event loop only, so it needs no lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import TooManyRequestsError

# A phone that changes networks sends again while its first connection is not yet known to be
# dead; more than a few at once is nobody's phone.
_PER_ATTEMPT = 3
_RETRY_S = 5


class UploadSlots:
    """Counts the uploads under way, by attempt.

    Parameters
    ----------
    most
        Of all attempts together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, attempt_id: str) -> Iterator[None]:
        """Hold a slot.

        Raises
        ------
        TooManyRequestsError
            When there is none.
        """
        if self._taken[attempt_id] >= _PER_ATTEMPT or self._taken.total() >= self._most:
            message = "too many captures are being sent; try again shortly"
            raise TooManyRequestsError(message, _RETRY_S)
        self._taken[attempt_id] += 1
        try:
            yield
        finally:
            self._taken[attempt_id] -= 1
            self._taken += Counter()  # drops what is at zero
