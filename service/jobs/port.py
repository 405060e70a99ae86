"""The port behind which captures are analysed in the background.

The queue itself is the `state` of the attempt rows, written in the transaction that takes the
capture: a runner that dies has lost nothing, and one that starts finds what is due.
"""

from __future__ import annotations

from typing import Protocol


class JobRunner(Protocol):
    """Analyses every queued attempt once, whatever happens in between."""

    def submit(self, attempt_id: str) -> None:
        """Say that an attempt was queued. Call after its transaction has committed."""

    async def start(self) -> None:
        """Take up what is queued and what was running when the last process ended."""

    async def stop(self) -> None:
        """Finish what runs, within a time limit, and take up nothing new."""
