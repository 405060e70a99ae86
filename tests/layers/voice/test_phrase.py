"""The asked words against what was heard, by a recogniser that hears what the test says."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from layers.capture.types import Audio, FloatArray
from layers.voice.phrase import check_phrase, speech_part
from layers.voice.recogniser import Transcript, Vocabulary
from verdict.policy import load_policy
from verdict.voice_evidence import PhraseResult

POLICY = load_policy()


@dataclass
class Hears:
    """A recogniser that hears given words, and keeps what it was handed."""

    words: str
    name: str = "hears"
    digest: str = ""
    handed: list[tuple[int, Vocabulary]] = field(default_factory=list)

    def transcribe(self, samples: FloatArray, vocabulary: Vocabulary) -> Transcript:
        self.handed.append((len(samples), vocabulary))
        words = tuple(self.words.split())
        return Transcript(words, 0.5, "" if words else "nothing_understood")


def recording(*speech: tuple[float, float], seconds: float = 4.0) -> Audio:
    samples = np.full(round(seconds * 16_000), 0.1, dtype=np.float32)
    return Audio(samples, speech, np.zeros(400, dtype=np.float32), 0.01)


def said(heard: str, phrase: str, language: str = "en") -> PhraseResult:
    return check_phrase(recording((1.0, 3.0)), phrase, language, Hears(heard), POLICY)


def test_the_asked_words_match_whatever_their_spelling() -> None:
    result = said("tiger lemon river", "Tiger, LEMON: river!")
    assert (result.matched, result.distance, result.reason) == (True, 0, "")
    assert result.recogniser == "hears"


@pytest.mark.parametrize(
    ("heard", "asked"), [("four eight one", "481"), ("forty two", "4 2"), ("5 oh 8", "508")]
)
def test_numbers_match_by_their_digits(heard: str, asked: str) -> None:
    assert said(heard, asked).matched


@pytest.mark.parametrize(
    "heard",
    ["tiger lemon", "lemon tiger river", "tiger lemon valley", "tiger lemon river window", "tiger"],
)
def test_a_missing_changed_moved_or_further_word_is_no_match(heard: str) -> None:
    result = said(heard, "tiger lemon river")
    assert not result.matched
    assert result.reason == "other_words"
    assert result.distance >= 1


def test_silence_is_no_match_and_is_never_transcribed() -> None:
    hears = Hears("tiger lemon river")
    result = check_phrase(recording(), "tiger lemon river", "en", hears, POLICY)
    assert (result.matched, result.reason, result.distance) == (False, "no_speech", 3)
    assert hears.handed == []


def test_no_sound_track_is_no_match() -> None:
    result = check_phrase(None, "tiger", "en", Hears("tiger"), POLICY)
    assert (result.matched, result.reason) == (False, "no_audio")


def test_nothing_understood_is_no_match() -> None:
    assert said("", "tiger").reason == "nothing_understood"


def test_a_phrase_without_words_can_not_be_said() -> None:
    assert not said("tiger", "...").matched


def test_the_recogniser_gets_the_list_and_never_the_words() -> None:
    hears = Hears("tiger lion zebra")
    check_phrase(recording((1.0, 3.0)), "tiger lion zebra", "en", hears, POLICY)
    check_phrase(recording((1.0, 3.0)), "valley water machine", "en", hears, POLICY)
    first, second = hears.handed
    assert first == second  # the same input, whatever was asked


def test_the_recording_is_trimmed_to_the_speech_and_a_quarter_second() -> None:
    part, start_s = speech_part(recording((1.0, 1.5), (2.0, 3.0)))
    assert (start_s, len(part)) == (0.75, 2.5 * 16_000)
    part, start_s = speech_part(recording((0.1, 3.9)))
    assert (start_s, len(part)) == (0.0, 4.0 * 16_000)


@dataclass
class Aligns(Hears):
    """A recogniser that can also say how badly the words lie on the sound."""

    fit: float = 0.0
    sounds: tuple[str, ...] = ()
    others: tuple[tuple[str, ...], ...] = ()

    def transcribe(self, samples: FloatArray, vocabulary: Vocabulary) -> Transcript:
        heard = Hears.transcribe(self, samples, vocabulary)
        return Transcript(heard.words, 0.5, heard.reason, self.others, self.sounds)

    def misfit(self, samples: FloatArray, words: tuple[str, ...]) -> float:
        return self.fit


def asked(phrase: str, recogniser: Aligns) -> PhraseResult:
    return check_phrase(recording((1.0, 3.0)), phrase, "en", recogniser, POLICY)


LIMIT = POLICY.number("voice.phrase.misfit_limit")


def test_words_that_do_not_lie_on_the_sound_are_vetoed() -> None:
    assert asked("tiger coffee", Aligns("tiger coffee", fit=LIMIT)).matched
    vetoed = asked("tiger coffee", Aligns("tiger coffee", fit=LIMIT + 0.01))
    assert (vetoed.matched, vetoed.reason) == (False, "other_sounds")


@pytest.mark.parametrize("heard", ["", "tiger", "coffee tiger", "tiger zebra"])
def test_a_perfect_alignment_never_makes_a_match(heard: str) -> None:
    assert not asked("tiger coffee", Aligns(heard, fit=-100.0)).matched


def test_any_search_may_find_the_words_and_sounds_alone_may() -> None:
    others = (("tiger", "zebra"), ("tiger", "coffee"))
    found = asked("tiger coffee", Aligns("zebra lion", others=others))
    assert (found.matched, found.heard, found.reason) == (True, ("tiger", "coffee"), "")
    sounds = ("T", "AY", "G", "ER", "K", "AA", "F", "IY")
    by_sounds = asked("tiger coffee", Aligns("zebra lion", sounds=sounds))
    assert (by_sounds.matched, by_sounds.reason) == (True, "by_sounds")
    assert not asked("coffee tiger", Aligns("zebra lion", sounds=sounds)).matched
    assert not asked("tiger", Aligns("zebra lion", sounds=sounds)).matched
    assert not asked("...", Aligns("", sounds=sounds)).matched
