"""Distances of a list's words in closed form, and a recogniser that swaps two of them."""

from dataclasses import dataclass
from shutil import which

import pytest

from layers.capture.types import FloatArray
from layers.evaluation import words as module
from layers.evaluation.words import (
    NoSynthesiserError,
    median_distance,
    nearest_median,
    pairs_by_distance,
    phrases_per_run,
    speak,
    speak_and_hear,
)
from layers.voice.recogniser import Transcript, Vocabulary

LIST = ("tiger", "coffee", "zebra")
needs_espeak = pytest.mark.skipif(
    which("espeak-ng") is None, reason="espeak-ng is not installed: no voice to listen to"
)


@dataclass
class Swaps:
    """Hears every phrase as the same words."""

    heard: tuple[str, ...]
    name: str = "swaps"
    digest: str = ""

    def transcribe(self, samples: FloatArray, vocabulary: Vocabulary) -> Transcript:
        return Transcript(self.heard, 1.0)


def test_pairs_come_closest_first_with_their_distance() -> None:
    # bat and bad differ in one of three sounds, by voice alone: half a change.
    pairs = pairs_by_distance(("bad", "bat", "zebra"))
    assert (pairs[0].first, pairs[0].second) == ("bad", "bat")
    assert pairs[0].distance == pytest.approx(0.5 / 3)
    assert len(pairs) == 3
    assert median_distance(pairs) == pairs[1].distance
    assert nearest_median(pairs) == pairs[0].distance  # of two of the three words
    assert median_distance(()) == nearest_median(()) == 0.0


@needs_espeak
def test_words_heard_for_others_are_counted() -> None:
    vocabulary = Vocabulary("words", "en", LIST)
    spoken = speak_and_hear(vocabulary, Swaps(("tiger", "coffee", "tiger")), rounds=1, seed=0)
    assert spoken.phrases_said == phrases_per_run(vocabulary, 1) == len(module.VOICES)
    assert spoken.phrases_right == 0
    assert spoken.words_said == 3 * len(module.VOICES)
    wrong = sum(confusion.times for confusion in spoken.confusions)
    assert spoken.words_right + wrong == spoken.words_said
    assert all(confusion.said != confusion.heard for confusion in spoken.confusions)


def test_without_a_synthesiser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoSynthesiserError, match="install the Debian package espeak-ng"):
        speak("tiger", "en-us")
