"""The trials of the phrase table: recordings with their words, and wrong phrases drawn for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from layers.voice.challenge import vocabulary_of, word_list
from layers.voice.normalise import normalise

CHANGED_PER_RECORDING = 5
MORE_PER_RECORDING = 2
OTHERS_PER_RECORDING = 5


class Trial(StrEnum):
    """How the asked phrase relates to what is on the recording."""

    RIGHT = "right phrase"
    ONE_WORD = "one word changed"
    ONE_MORE = "one word not said"
    ONE_LESS = "one word too many said"
    ORDER = "order changed"
    OTHER = "another phrase"
    SILENCE = "silence"
    NOISE = "noise"
    HUM = "hum"


@dataclass(frozen=True, slots=True)
class PhraseRow:
    """A recording and the words on it."""

    file: Path
    text: str
    language: str
    group: str
    speaker: str = ""


def wrong_phrases(
    row: PhraseRow, rows: Sequence[PhraseRow], draw: np.random.Generator
) -> Iterator[tuple[Trial, str]]:
    """Draw phrases that are not on the recording, each with how it differs."""
    words = normalise(row.text, row.language)
    for _ in range(CHANGED_PER_RECORDING):
        changed = list(words)
        replacements = _replacements(words, row.language)
        place = int(draw.integers(len(words)))
        changed[place] = replacements[int(draw.integers(len(replacements)))]
        yield Trial.ONE_WORD, " ".join(changed)
    pool = _replacements(words, row.language)
    for _ in range(MORE_PER_RECORDING):
        place, word = int(draw.integers(len(words) + 1)), pool[int(draw.integers(len(pool)))]
        yield Trial.ONE_MORE, " ".join((*words[:place], word, *words[place:]))
    if len(words) > 1:
        place = int(draw.integers(len(words)))
        yield Trial.ONE_LESS, " ".join((*words[:place], *words[place + 1 :]))
    if len(set(words)) > 1:
        shuffled = list(words)
        while tuple(shuffled) == words:
            draw.shuffle(shuffled)
        yield Trial.ORDER, " ".join(shuffled)
    others = sorted({other.text for other in rows if normalise(other.text) != normalise(row.text)})
    for index in draw.permutation(len(others))[:OTHERS_PER_RECORDING]:
        yield Trial.OTHER, others[index]


def _replacements(words: tuple[str, ...], language: str) -> list[str]:
    """Words of the phrase's own list, else of the English challenge list, that it lacks."""
    pool = vocabulary_of(words, language).words or word_list(language) or word_list("en")
    return [word for word in pool if word not in words]
