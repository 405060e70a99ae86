"""The port to the layers: inspect a capture at submission, analyse it afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from layers.capture.types import Challenge, Device
from verdict.evidence import Evidence
from verdict.measurement import QualityFinding
from verdict.policy import Policy


@dataclass(frozen=True, slots=True)
class StoredCapture:
    """A capture on disk.

    Parameters
    ----------
    id
        Stays the same when the folder is moved from staging to its place.
    folder
        Holds ``capture.json`` and the files that it names.
    received_s
        Server clock when the upload was complete, in seconds since 1970.
    audio_start_s, client_time_s, device
        Of a video, as its JSON says; frames' JSON is read with the frames.
    open_s
        How long the link had been open when the upload was complete; NaN when not known.
    """

    id: str
    folder: Path
    challenge: Challenge
    received_s: float
    audio_start_s: float = 0.0
    client_time_s: float | None = None
    device: Device | None = None
    open_s: float = float("nan")


class AnalyserBusyError(RuntimeError):
    """Too much waits to be decoded already; nothing is wrong with the capture."""


class Analyser(Protocol):
    """What the service needs of the layers."""

    async def start(self) -> None:
        """Load the models. Returns when captures can be analysed.

        Raises
        ------
        RuntimeError
            When the installation is broken.
        """

    @property
    def is_ready(self) -> bool:
        """Whether the models are loaded."""

    async def inspect(self, capture: StoredCapture) -> tuple[QualityFinding, ...]:
        """Decode the capture and return its quality findings.

        Raises
        ------
        AnalyserBusyError
            When it can't be decoded now.
        layers.capture.errors.MediaError
            When the media can't be used.
        """

    async def analyse(self, capture: StoredCapture, policy: Policy) -> Evidence:
        """Return what the three layers found.

        Raises
        ------
        layers.capture.errors.MediaError
            When the media can't be used.
        """

    def forget(self, capture_id: str) -> None:
        """Drop what is kept in memory of a capture."""

    async def close(self) -> None:
        """Stop every child and let go of the models."""
