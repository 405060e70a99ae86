"""What a synthetic-speech detector is, whoever trained it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from layers.capture.types import FloatArray
from verdict.voice_evidence import WindowScore

SHORTEST_S = 0.3  # of samples that a detector must be able to score


class SpeechDetector(Protocol):
    """Scores mono float32 at 16 kHz of 0.3 s or more; a clip scores the mean of its windows."""

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""

    def score_windows(self, waveform: FloatArray) -> Sequence[WindowScore]:
        """Return the raw scores over time, at least one."""
