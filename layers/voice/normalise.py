"""Text to comparable words: two spellings of what was said the same way become equal."""

from __future__ import annotations

import re
import unicodedata

from layers.voice.numerals import digits_as_words, words_as_digits

_ACCENTS = re.compile("[\u0300-\u036f]")
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc`\u00b4]")
_GROUPED = re.compile(r"(?<=\d)[.,\u00a0\u202f](?=\d{3}\b)")


def normalise(text: str, language: str = "en") -> tuple[str, ...]:
    """Return the words of `text`: lower case, no accents, no punctuation, numbers in words.

    Numbers of one or two digits become cardinals (42: forty two), longer ones and those with a
    leading zero are read digit by digit (481: four eight one), as codes are.

    Parameters
    ----------
    text
        A phrase as shown, or what a recogniser wrote.
    language
        ISO 639-1; numbers are spelt out in en, de and es, and stay digits elsewhere.
    """
    lowered = unicodedata.normalize("NFKD", text.casefold())
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", lowered))
    plain = _GROUPED.sub("", _APOSTROPHES.sub("", plain))
    spaced = "".join(sign if _is_spoken(sign) else " " for sign in plain)
    words: list[str] = []
    for token in re.findall(r"\d+|[^\d\s]+", spaced):
        words.extend(digits_as_words(token, language) if token.isdecimal() else (token,))
    return tuple(words)


def by_digits(words: tuple[str, ...], language: str = "en") -> tuple[str, ...]:
    """Return `words` with every number as its digits: forty two and 4 2 become alike.

    A recogniser that writes 42 does not tell "forty two" from "four two", so numbers are compared
    in this form too.
    """
    return words_as_digits(words, language)


def _is_spoken(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "LMN"
