"""Challenges: words or digits drawn with a cryptographic source from a list per language."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path

from layers.voice.numerals import digit_words
from layers.voice.recogniser import Vocabulary

LISTS = Path(__file__).parent / "words"
N_WORDS = 3
N_DIGITS = 5


def draw_words(n: int = N_WORDS, language: str = "en") -> str:
    """Return `n` different words of the language's list, to show and to say.

    Raises
    ------
    ValueError
        When the language has no list, or not that many words.
    """
    pool = list(word_list(language))
    if not 1 <= n <= len(pool):
        msg = f"a challenge has 1 to {len(pool)} words in language '{language}', asked for {n}"
        raise ValueError(msg)
    drawn = [pool.pop(secrets.randbelow(len(pool))) for _ in range(n)]
    return " ".join(drawn)


def draw_digits(n: int = N_DIGITS) -> str:
    """Return `n` digits with blanks between them, no digit twice in a row.

    Raises
    ------
    ValueError
        When `n` is not positive.
    """
    if n < 1:
        msg = f"a challenge has at least one digit, asked for {n}"
        raise ValueError(msg)
    drawn = [secrets.randbelow(10)]
    while len(drawn) < n:
        # One of the nine others: a digit said twice in a row is heard as one.
        drawn.append((drawn[-1] + 1 + secrets.randbelow(9)) % 10)
    return " ".join(map(str, drawn))


@cache
def word_list(language: str = "en") -> tuple[str, ...]:
    """Return the challenge words of a language, or nothing where there is no list."""
    path = LISTS / f"{language}.txt"
    if not language.isalpha() or not path.is_file():
        return ()
    return tuple(path.read_text(encoding="utf-8").split())


def vocabulary_of(expected: tuple[str, ...], language: str = "en") -> Vocabulary:
    """Return the vocabulary that a challenge comes from: a whole list, or the open language.

    The recogniser learns which list was drawn from and how many words, nothing about which.
    """
    lists = {"digits": digit_words(language), "words": word_list(language)}
    for name, words in lists.items():
        if expected and set(expected) <= set(words):
            return Vocabulary(name, language, words, len(expected))
    return Vocabulary("open", language, (), len(expected))
