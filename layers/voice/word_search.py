"""The likeliest words of a list, given phone probabilities: Viterbi search over a CTC network.

Every word of the list is open at every place. The search knows how many words a challenge has,
never which; it looks for one more, too.

References
----------
Graves et al. 2006, "Connectionist temporal classification", equations 6 and 7, with the maximum
in the place of the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layers.capture.types import FloatArray
from layers.voice.phone_model import PHONES, SILENCE
from layers.voice.pronunciation import Phones, pronunciations

# A sound that the network missed altogether costs this much, not everything.
_FLOOR = 1e-3
_NEVER = -1e9
# A phrase of one word more is taken where it explains the sound better by this log-likelihood:
# else a word too many would be squeezed into the others. Chosen on train and dev, docs/phrase.md.
_LONGER_BY = 1.0
_INDEX = {phone: index for index, phone in enumerate(PHONES)}

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Heard:
    """Words found, and how much worse they explain the sound than free phones do.

    Parameters
    ----------
    misfit
        Log-likelihood of the best free phones less that of the words, per phone of the words.
    """

    words: tuple[str, ...]
    misfit: float


@dataclass(frozen=True, slots=True)
class _Path:
    score: float
    heard: Heard


class WordNetwork:
    """The states of every pronunciation of a list: its phones with optional silence between.

    Raises
    ------
    ValueError
        When the dictionary lacks a word.
    """

    def __init__(self, words: Sequence[str]) -> None:
        unknown = [word for word in words if not pronunciations(word)]
        if unknown:
            msg = f"no pronunciation for {', '.join(unknown)}; leave them out"
            raise ValueError(msg)
        spoken = [(word, phones) for word in words for phones in pronunciations(word)]
        self.words = tuple(word for word, _ in spoken)
        self.n_phones = np.array([len(phones) for _, phones in spoken])
        lengths = 2 * self.n_phones - 1
        self.last: IntArray = np.cumsum(lengths) - 1
        self.first: IntArray = self.last - lengths + 1
        labels = [label for _, phones in spoken for label in _labels(phones)]
        self.labels: IntArray = np.array(labels, dtype=np.int64)
        state = np.arange(len(labels))
        place = state - np.repeat(self.first, lengths)
        self.has_before = place >= 1
        # Two equal phones in a row need the silence between them.
        two_back = np.maximum(state - 2, 0)
        self.has_two_before = (place >= 2) & (place % 2 == 0)
        self.has_two_before &= self.labels != self.labels[two_back]


def best_words(probabilities: FloatArray, network: WordNetwork, n_words: int) -> Heard:
    """Return the likeliest sequence of `n_words` words of the network, or of one word more.

    Parameters
    ----------
    probabilities : float32 (T, 40)
        As `PhoneModel.probabilities` gives them.
    """
    asked, longer = _search(probabilities, network, [slice(None)] * (n_words + 1))
    return asked.heard if longer.score - asked.score <= _LONGER_BY else longer.heard


def fitted(probabilities: FloatArray, words: Sequence[str]) -> Heard:
    """Return the given words laid over the sound: their misfit, whatever was said."""
    network = WordNetwork(tuple(dict.fromkeys(words)))
    places = [np.flatnonzero(np.array(network.words) == word) for word in words]
    return _search(probabilities, network, places)[-1].heard


def _labels(phones: Phones) -> list[int]:
    labels = [SILENCE] * (2 * len(phones) - 1)
    labels[::2] = [_INDEX[phone] for phone in phones]
    return labels


def _search(
    probabilities: FloatArray, network: WordNetwork, allowed: Sequence[slice | IntArray]
) -> tuple[_Path, _Path]:
    """Search with the pronunciations `allowed[k]` in place k: all places but the last, and all.

    `between[k]` is the best score with k words said and no word open, `inside[k]` that of each
    state of the word in place k. Each carries the words said so far as an index into `links`.
    """
    n = len(allowed)
    logs = np.log(probabilities * (1 - _FLOOR) + _FLOOR)
    inside = np.full((n, len(network.labels)), _NEVER)
    via = np.full(inside.shape, -1)
    pause, ended = np.full(n + 1, _NEVER), np.full(n + 1, _NEVER)
    pause[0] = 0.0
    pause_via, ended_via = np.full(n + 1, -1), np.full(n + 1, -1)
    shut = np.ones((n, len(network.words)), dtype=bool)
    for place, open_words in enumerate(allowed):
        shut[place, open_words] = False
    links: list[tuple[int, int]] = []  # (pronunciation, link before)
    for log in logs:
        between, between_via = _better(pause, pause_via, ended, ended_via)
        inside, via = _step(network, inside, via)
        entry = np.where(shut, _NEVER, between[:n, None])
        starts, starts_via = _better(
            inside[:, network.first], via[:, network.first], entry, between_via[:n, None]
        )
        inside[:, network.first], via[:, network.first] = starts, starts_via
        inside += log[network.labels]
        pause, pause_via = between + log[SILENCE], between_via
        best = np.argmax(inside[:, network.last], axis=1)
        for place, word in enumerate(best):
            state = network.last[word]
            ended[place + 1] = inside[place, state]
            links.append((int(word), int(via[place, state])))
            ended_via[place + 1] = len(links) - 1
    final, final_via = _better(pause, pause_via, ended, ended_via)
    free = float(logs.max(axis=1).sum())

    def path(k: int) -> _Path:
        said = _trace(links, int(final_via[k]))
        misfit = (free - float(final[k])) / max(1, int(network.n_phones[said].sum()))
        return _Path(float(final[k]), Heard(tuple(network.words[word] for word in said), misfit))

    return path(n - 1), path(n)


def _step(
    network: WordNetwork, scores: npt.NDArray[np.float64], via: IntArray
) -> tuple[npt.NDArray[np.float64], IntArray]:
    """Return the best way into each state: from itself, one before, or past a silence."""
    one = np.where(network.has_before, np.roll(scores, 1, axis=1), _NEVER)
    two = np.where(network.has_two_before, np.roll(scores, 2, axis=1), _NEVER)
    best, best_via = _better(scores, via, one, np.roll(via, 1, axis=1))
    return _better(best, best_via, two, np.roll(via, 2, axis=1))


def _better(
    scores: npt.NDArray[np.float64],
    via: IntArray,
    others: npt.NDArray[np.float64],
    others_via: IntArray,
) -> tuple[npt.NDArray[np.float64], IntArray]:
    """Return the higher of two scores, with the way that it came."""
    higher = others > scores
    return np.where(higher, others, scores), np.where(higher, others_via, via)


def _trace(links: Sequence[tuple[int, int]], link: int) -> list[int]:
    said: list[int] = []
    while link >= 0:
        word, link = links[link]
        said.append(word)
    return said[::-1]
