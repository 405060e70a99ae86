"""What a recogniser is: it hears samples and a vocabulary, and never the words that were asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from layers.capture.types import FloatArray
from layers.voice.pronunciation import Phones


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Which words are possible at all.

    Parameters
    ----------
    name
        ``words`` or ``digits`` for a challenge list, ``open`` for anything in the language.
    words
        The whole list, never the asked words alone; empty for ``open``.
    length
        How many words a phrase has, 0 when that is not known: what everyone is asked alike.
    """

    name: str
    language: str = "en"
    words: tuple[str, ...] = ()
    length: int = 0

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
    others
        What further searches of the same sound heard, as freely as the first.
    sounds
        Phones heard with no word in mind, where the recogniser tells.
    """

    words: tuple[str, ...]
    confidence: float
    reason: str = ""
    others: tuple[tuple[str, ...], ...] = ()
    sounds: Phones = ()


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


@runtime_checkable
class Aligner(Protocol):
    """Lays given words over the sound: asked only after free recognition matched, to veto."""

    def misfit(self, samples: FloatArray, words: tuple[str, ...]) -> float:
        """Return how much worse `words` explain the sound than free phones do, per phone."""
