"""The port behind which captures are analysed in the background.

An attempt is queued in the transaction that makes it due: a runner that dies has lost nothing, and
one that starts finds what is left.
"""

from __future__ import annotations

from typing import Protocol

from sqlmodel import Session

from service.tables import Attempt


class JobRunner(Protocol):
    """Brings every queued attempt to its one verdict, whatever happens in between."""

    def enqueue(
        self, db: Session, attempt: Attempt, organization_id: str, delay_s: float = 0.0
    ) -> None:
        """Queue job `attempt.dispatch` of an attempt inside the caller's transaction.

        Parameters
        ----------
        organization_id
            Whose it is: tenants take turns.
        delay_s
            How long after the commit it becomes due.
        """

    def wake(self, attempt_id: str) -> None:
        """Say that an attempt was queued. Call after its transaction has committed."""

    def check(self) -> None:
        """Raise where nothing could be queued now."""

    async def start(self) -> None:
        """Take up what is queued and what was running when the last process ended."""

    async def stop(self) -> None:
        """Finish what runs, within a time limit, and take up nothing new."""
