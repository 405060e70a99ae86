"""The recogniser that ships: sounds by hama's network, words by a search over the challenge list.

pocketsphinx is a second ear, with other errors: it hears the same list, or general English where
a phrase comes from none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from threading import Lock

import numpy as np

from layers.capture.types import FloatArray
from layers.voice.phone_model import PhoneModel, free_phones
from layers.voice.pocketsphinx_recogniser import PocketsphinxRecogniser
from layers.voice.pronunciation import pronunciations
from layers.voice.recogniser import Transcript, Vocabulary
from layers.voice.word_search import Heard, WordNetwork, best_words, fitted

_LANGUAGE = "en"
_SILENT = 1e-4
# The same sound is searched twice, as it is and with noise under it: band-limited sound leaves
# bands empty that the network never met empty. Chosen on train and dev, docs/phrase.md.
_DITHERS_DB = (None, -40.0)


class BundledRecogniser:
    """Free recognition over a challenge list, or over general English for any other phrase.

    Parameters
    ----------
    vocabularies
        Lists whose searches are prepared at once; others are prepared when first asked for.
    """

    name = "bundled (hama 1.7.0, pocketsphinx en-us)"

    def __init__(self, vocabularies: Iterable[Vocabulary] = ()) -> None:
        self._phones = PhoneModel()
        self._words = PocketsphinxRecogniser()
        self._networks: dict[tuple[str, ...], WordNetwork] = {}
        self._lock = Lock()  # one scratch memory inside the network
        self._last: tuple[FloatArray, list[FloatArray]] | None = None
        for vocabulary in vocabularies:
            self._network(vocabulary.words)
            self._words.prepare(vocabulary)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the digests of both models."""
        return sha256(f"{self._phones.digest}{self._words.digest}".encode()).hexdigest()

    def transcribe(self, samples: FloatArray, vocabulary: Vocabulary) -> Transcript:
        """Return what is said in `samples`; `others` holds what further searches heard.

        Parameters
        ----------
        samples : float32 (N,)
            Mono at 16 kHz, trimmed to the speech.
        """
        if float(np.abs(samples).max(initial=0.0)) < _SILENT:
            return Transcript((), 0.0, "no_speech")
        if vocabulary.language != _LANGUAGE:
            return Transcript((), 0.0, "language_not_supported")
        heard = self._heard(samples)
        sounds = free_phones(heard[0])
        if vocabulary.is_open:
            return replace(self._words.transcribe(samples, vocabulary), sounds=sounds)
        network = self._network(vocabulary.words)
        first, *more = (best_words(found, network, vocabulary.length) for found in heard)
        second_ear = self._words.transcribe(samples, vocabulary).words
        others = (*(other.words for other in more), second_ear)
        return Transcript(first.words, _confidence(first), "", others, sounds)

    def misfit(self, samples: FloatArray, words: tuple[str, ...]) -> float:
        """Return how much worse `words` explain the sound than free phones do, per phone.

        Words without a known pronunciation can't be laid over a sound: nothing to veto, 0.
        """
        if not all(pronunciations(word) for word in words):
            return 0.0
        return min(fitted(found, words).misfit for found in self._heard(samples))

    def _heard(self, samples: FloatArray) -> list[FloatArray]:
        """Return the phones for both searches, kept for a veto on the same sound."""
        last = self._last
        if last is not None and np.array_equal(last[0], samples):
            return last[1]
        with self._lock:
            found = [self._phones.probabilities(samples, dither) for dither in _DITHERS_DB]
        self._last = (samples, found)
        return found

    def _network(self, words: tuple[str, ...]) -> WordNetwork:
        if words not in self._networks:
            self._networks[words] = WordNetwork(words)
        return self._networks[words]


def _confidence(heard: Heard) -> float:
    return float(np.clip(np.exp(-heard.misfit), 0.0, 1.0))
