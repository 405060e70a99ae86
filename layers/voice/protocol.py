"""What a synthetic-speech detector is, whoever trained it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from layers.capture.types import FloatArray

SHORTEST_S = 0.3  # of samples that a detector must be able to score


class Window(Protocol):
    """The score of one stretch of the waveform; higher = more bona fide."""

    @property
    def start_s(self) -> float:
        """Start in the waveform."""

    @property
    def end_s(self) -> float:
        """End in the waveform."""

    @property
    def score(self) -> float:
        """Raw score."""


class SpeechDetector(Protocol):
    """Scores mono float32 at 16 kHz of 0.3 s or more; a clip scores the mean of its windows."""

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""

    def score_windows(self, waveform: FloatArray) -> Sequence[Window]:
        """Return the raw scores over time, at least one."""
