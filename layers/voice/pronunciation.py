"""How words sound: phones from the CMU dictionary that pocketsphinx ships, and their distance."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path

Phones = tuple[str, ...]

_DICTIONARY = Path("model") / "en-us" / "cmudict-en-us.dict"
_MAX_PRONUNCIATIONS = 16
# Sounds that a listener takes for one another cost half a substitution: same manner and nearly
# the same place (stops and fricatives differing in voice, liquids, nasals), and vowels.
_ALIKE = (
    "IY IH EY EH AE Y",
    "AA AO AH OW UH UW AW ER",
    "AH EH IH AE AA AY",
    "P B",
    "T D DH TH",
    "K G",
    "F V TH",
    "S Z SH ZH",
    "CH JH SH",
    "M N NG",
    "L R W",
)
_NEAR = frozenset(
    frozenset((a, b)) for group in _ALIKE for a in group.split() for b in group.split() if a != b
)
_HALF = 0.5


def model_folder() -> Path:
    """Return the folder of pocketsphinx' wheel, without importing it."""
    spec = find_spec("pocketsphinx")
    if spec is None or spec.origin is None:
        msg = "pocketsphinx is not installed; run 'make install' again"
        raise ModuleNotFoundError(msg)
    return Path(spec.origin).parent


@cache
def dictionary() -> dict[str, tuple[Phones, ...]]:
    """Return every word of the dictionary with its pronunciations."""
    text = (model_folder() / _DICTIONARY).read_text(encoding="utf-8")
    entries: dict[str, list[Phones]] = {}
    for line in text.splitlines():
        word, _, phones = line.partition(" ")
        entries.setdefault(word.partition("(")[0].replace("'", ""), []).append(
            tuple(phones.split())
        )
    return {word: tuple(dict.fromkeys(found)) for word, found in entries.items()}


@cache
def pronunciations(word: str) -> tuple[Phones, ...]:
    """Return how `word` can sound; empty when neither it nor its parts are in the dictionary.

    A word that the dictionary lacks is joined from at most three that it has (snow + boy).
    """
    known = dictionary()
    if word in known:
        return known[word]
    return _joined(word, 3)


def distance(first: Phones, second: Phones) -> float:
    """Return the edit distance in phones; sounds that are alike cost half."""
    column = [float(k) for k in range(len(first) + 1)]
    for sound in second:
        diagonal, column[0] = column[0], column[0] + 1.0
        for k, own in enumerate(first, start=1):
            best = min(diagonal + substitution(own, sound), column[k] + 1.0, column[k - 1] + 1.0)
            diagonal, column[k] = column[k], best
    return column[-1]


def substitution(first: str, second: str) -> float:
    """Return 0 for the same phone, a half for one that sounds alike, else 1."""
    if first == second:
        return 0.0
    return _HALF if frozenset((first, second)) in _NEAR else 1.0


def closest(first: str, second: str) -> float:
    """Return the distance of two words by their nearest pronunciations, per phone of the longer.

    1 where one of them has no known pronunciation.
    """
    pairs = product(pronunciations(first), pronunciations(second))
    return min((distance(a, b) / max(len(a), len(b)) for a, b in pairs), default=1.0)


def _joined(word: str, parts: int) -> tuple[Phones, ...]:
    known = dictionary()
    if word in known:
        return known[word]
    if parts == 1:
        return ()
    for cut in range(len(word) - 2, 1, -1):
        head, tail = word[:cut], word[cut:]
        if head in known and (rest := _joined(tail, parts - 1)):
            joined = [a + b for a, b in product(known[head], rest)]
            return tuple(joined[:_MAX_PRONUNCIATIONS])
    return ()
