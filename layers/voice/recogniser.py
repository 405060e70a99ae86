"""What a recogniser is: it hears samples and a vocabulary, and never the words that were asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from layers.capture.types import FloatArray


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Which words are possible at all.

    Parameters
    ----------
    name
        ``words`` or ``digits`` for a challenge list, ``open`` for anything in the language.
    words
        The whole list, never the asked words alone; empty for ``open``.
    """

    name: str
    language: str = "en"
    words: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether any word of the language is possible."""
        return not self.words


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard.

    Parameters
    ----------
    words
        Normalised words; empty when nothing was understood.
    confidence
        0-1, the recogniser's own; it informs and decides nothing.
    reason
        Why there are no words, or empty.
    """

    words: tuple[str, ...]
    confidence: float
    reason: str = ""


class Recogniser(Protocol):
    """Free recognition of speech."""

    @property
    def name(self) -> str:
        """Name in the evidence, with the model."""

    @property
    def digest(self) -> str:
        """SHA-256 of the weights."""

    def transcribe(self, samples: FloatArray, vocabulary: Vocabulary) -> Transcript:
        """Return what is said in `samples` (mono float32, 16 kHz, trimmed to the speech)."""
