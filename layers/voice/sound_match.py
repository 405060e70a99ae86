"""How many words of one sequence do not sound like another, wherever the word borders fall."""

from __future__ import annotations

from collections.abc import Sequence

from layers.voice.pronunciation import Phones, pronunciations, substitution

_ROUNDS = 2


def words_that_differ(expected: tuple[str, ...], heard: tuple[str, ...], tolerance: float) -> int:
    """Return how many expected words do not sound like what was heard in their place.

    Both sequences are laid out as phones and aligned as a whole, so that "view glass" is found
    in "few glass" and "snow boy" in "snowboy". An expected word differs when the phones that
    had to be changed, left out or put in exceed `tolerance` of its length. Words without a known
    pronunciation are compared by their letters.
    """
    if expected == heard:
        return 0
    if not expected or not heard:
        return max(len(expected), len(heard))
    spoken = _phones((*expected, *heard))
    own, other = spoken[: len(expected)], spoken[len(expected) :]
    return _differing(own, [sound for options in other for sound in options[0]], tolerance)


def words_unlike(expected: tuple[str, ...], sounds: Phones, tolerance: float) -> int:
    """Return how many expected words do not sound like `sounds`, heard with no word in mind.

    A word without a known pronunciation is like nothing.
    """
    own = [pronunciations(word) for word in expected]
    if not expected or not sounds or not all(own):
        return len(expected)
    return _differing(own, sounds, tolerance)


def _differing(
    own: Sequence[tuple[Phones, ...]], heard_sounds: Sequence[str], tolerance: float
) -> int:
    """Return how many words exceed `tolerance` in their best pronunciations."""
    best = [options[0] for options in own]
    shares = _shares(best, heard_sounds)
    for _ in range(_ROUNDS):
        for k, options in enumerate(own):
            for option in options:
                tried = [*best[:k], option, *best[k + 1 :]]
                if sum(new := _shares(tried, heard_sounds)) < sum(shares):
                    best, shares = tried, new
    return sum(share > tolerance + 1e-9 for share in shares)


def _phones(words: Sequence[str]) -> list[tuple[Phones, ...]]:
    found = [pronunciations(word) for word in words]
    return found if all(found) else [(tuple(word),) for word in words]


def _shares(expected: Sequence[Phones], heard: Sequence[str]) -> list[float]:
    """Return, per expected word, the cost of its part of the best alignment over its length."""
    sounds = [sound for word in expected for sound in word]
    word_of = [k for k, word in enumerate(expected) for _ in word]
    table = _table(sounds, heard)
    cost = [0.0] * len(expected)
    i, j = len(sounds), len(heard)
    while i or j:
        here = table[i][j]
        if i and j:
            change = substitution(sounds[i - 1], heard[j - 1])
            if here == table[i - 1][j - 1] + change:
                i, j = i - 1, j - 1
                cost[word_of[i]] += change
                continue
        if i and here == table[i - 1][j] + 1.0:
            i -= 1
            cost[word_of[i]] += 1.0
        else:  # a sound too many belongs to the word that it follows
            j -= 1
            cost[word_of[max(i - 1, 0)]] += 1.0
    return [spent / len(word) for spent, word in zip(cost, expected, strict=True)]


def _table(first: Sequence[str], second: Sequence[str]) -> list[list[float]]:
    table = [[float(j) for j in range(len(second) + 1)]]
    for i, own in enumerate(first, start=1):
        above, row = table[-1], [float(i)]
        for j, sound in enumerate(second, start=1):
            change = above[j - 1] + substitution(own, sound)
            row.append(min(change, above[j] + 1.0, row[-1] + 1.0))
        table.append(row)
    return table
