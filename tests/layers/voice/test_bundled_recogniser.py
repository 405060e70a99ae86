"""The bundled recogniser on words that a synthesiser said (fixtures/), and on what is no speech."""

import numpy as np
import pytest

from layers.capture.speech import energy_db, voice_activity
from layers.capture.types import Audio, FloatArray
from layers.voice.challenge import word_list
from layers.voice.models import load_recogniser
from layers.voice.phrase import check_phrase
from layers.voice.recogniser import Aligner, Recogniser, Vocabulary
from layers.voice.sound_match import words_unlike
from service.demo.speech import speak_words
from verdict.policy import load_policy

POLICY = load_policy()
LIST = Vocabulary("words", "en", word_list(), 3)


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return load_recogniser()


def recording(samples: FloatArray) -> Audio:
    level, hop_s = energy_db(samples)
    return Audio(samples, voice_activity(samples), level, hop_s)


@pytest.mark.parametrize("phrase", ["ginger falcon island", "sunset dragon window"])
def test_right_words_match_and_wrong_ones_do_not(recogniser: Recogniser, phrase: str) -> None:
    said = recording(speak_words(phrase))
    first, second, third = phrase.split()
    right = check_phrase(said, phrase, "en", recogniser, POLICY)
    assert right.matched, right
    wrong = (f"{second} {first} {third}", f"{first} {second} zebra", "tiger zebra coffee")
    for asked in wrong:
        result = check_phrase(said, asked, "en", recogniser, POLICY)
        assert not result.matched
        assert result.heard == right.heard


def test_the_same_sound_is_heard_the_same_after_another(recogniser: Recogniser) -> None:
    one, other = speak_words("tiger coffee machine"), speak_words("zebra salad eagle")
    first = recogniser.transcribe(one, LIST)
    recogniser.transcribe(other, LIST)
    assert recogniser.transcribe(one, LIST) == first


@pytest.mark.parametrize("seconds", [0.0, 0.01, 2.0])
def test_silence_is_no_words(recogniser: Recogniser, seconds: float) -> None:
    silent = np.zeros(round(seconds * 16_000), dtype=np.float32)
    assert recogniser.transcribe(silent, LIST).words == ()


def test_a_language_that_it_does_not_know_is_said_so(recogniser: Recogniser) -> None:
    german = recogniser.transcribe(speak_words("tiger"), Vocabulary("open", "de"))
    assert (german.words, german.reason) == ((), "language_not_supported")


def test_another_order_of_listening_changes_nothing_for_the_veto(recogniser: Recogniser) -> None:
    assert isinstance(recogniser, Aligner)
    said, other = speak_words("tiger coffee machine"), speak_words("zebra salad eagle")
    right = recogniser.misfit(said, ("tiger", "coffee", "machine"))
    assert recogniser.misfit(other, ("tiger", "coffee", "machine")) > right + 1
    assert recogniser.misfit(said, ("tiger", "coffee", "machine")) == right
    assert recogniser.misfit(said, ("zxqvv",)) == 0.0  # can't be laid over a sound: no veto


def test_a_phrase_from_no_list_is_heard_in_sounds(recogniser: Recogniser) -> None:
    said = speak_words("tiger coffee machine")
    heard = recogniser.transcribe(said, Vocabulary("open", "en", (), 3))
    assert words_unlike(("tiger", "coffee", "machine"), heard.sounds, 0.34) <= 1
    assert words_unlike(("zebra", "salad", "eagle"), heard.sounds, 0.34) == 3


def test_a_list_with_an_unknown_word_is_refused(recogniser: Recogniser) -> None:
    with pytest.raises(ValueError, match="no pronunciation for zxqvv"):
        recogniser.transcribe(speak_words("tiger"), Vocabulary("own", "en", ("tiger", "zxqvv"), 1))


@pytest.mark.parametrize("phrase", ["violin honey yellow", "bottle lion salad"])
def test_the_second_ear_finds_what_the_first_took_for_other_words(
    recogniser: Recogniser, phrase: str
) -> None:
    heard = recogniser.transcribe(speak_words(phrase), LIST)
    assert heard.words != tuple(phrase.split())
    assert tuple(phrase.split()) in heard.others


def test_it_names_its_weights(recogniser: Recogniser) -> None:
    assert recogniser.name == "bundled (hama 1.7.0, pocketsphinx en-us)"
    assert len(recogniser.digest) == 64
