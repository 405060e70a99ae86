"""The word search against sequences whose best words are plain."""

import numpy as np
import pytest

from layers.capture.types import FloatArray
from layers.voice.phone_model import PHONES, SILENCE, free_phones
from layers.voice.word_search import WordNetwork, best_words, fitted

LIST = ("tiger", "coffee", "zebra", "orange", "lion")
NETWORK = WordNetwork(LIST)
TIGER = "T AY G ER"
COFFEE = "K AA F IY"
ZEBRA = "Z IY B R AH"


def sound(*phones: str, steps: int = 2, certain: float = 0.9) -> FloatArray:
    """Return probabilities of phones in turn, each `steps` long, a silence between."""
    rows = []
    for phone in " _ ".join(phones).split():
        column = SILENCE if phone == "_" else PHONES.index(phone)
        row = np.full(SILENCE + 1, (1 - certain) / SILENCE)
        row[column] = certain
        rows += [row] * steps
    return np.array(rows, dtype=np.float32)


def test_clear_words_are_found_in_their_order() -> None:
    heard = best_words(sound(TIGER, COFFEE, ZEBRA), NETWORK, 3)
    assert heard.words == ("tiger", "coffee", "zebra")
    assert heard.misfit == pytest.approx(0.0, abs=1e-3)  # they are the best free phones, too
    assert best_words(sound(ZEBRA, TIGER), NETWORK, 2).words == ("zebra", "tiger")


def test_a_word_may_come_twice() -> None:
    assert best_words(sound(TIGER, TIGER), NETWORK, 2).words == ("tiger", "tiger")


def test_one_sound_missed_or_changed_does_not_hide_the_word() -> None:
    assert best_words(sound("AY G ER", "K AA F IY"), NETWORK, 2).words == ("tiger", "coffee")
    assert best_words(sound("D AY G ER", "K AA P IY"), NETWORK, 2).words == ("tiger", "coffee")


def test_what_is_not_on_the_list_fits_badly() -> None:
    inside = best_words(sound(TIGER, COFFEE), NETWORK, 2)
    outside = best_words(sound("M UW N", "SH AO W"), NETWORK, 2)
    assert outside.misfit > inside.misfit + 2


def test_a_word_that_was_not_said_fits_badly() -> None:
    assert best_words(sound(TIGER, COFFEE), NETWORK, 3).misfit > 1


def test_a_word_too_many_is_heard_as_one() -> None:
    heard = best_words(sound(TIGER, COFFEE, ZEBRA), NETWORK, 2)
    assert heard.words == ("tiger", "coffee", "zebra")


def test_fitting_says_how_badly_given_words_lie_on_the_sound() -> None:
    said = sound(TIGER, COFFEE, ZEBRA)
    right = fitted(said, ("tiger", "coffee", "zebra"))
    assert right.words == ("tiger", "coffee", "zebra")
    assert right.misfit == pytest.approx(0.0, abs=1e-3)
    for wrong in (("coffee", "tiger", "zebra"), ("tiger", "coffee", "lion")):
        assert fitted(said, wrong).misfit > 1
        assert fitted(said, wrong).words == wrong


def test_the_search_is_never_worse_than_any_given_words() -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        noise = draw.dirichlet(np.full(SILENCE + 1, 0.2), size=30).astype(np.float32)
        found = best_words(noise, NETWORK, 2)
        assert found.misfit == pytest.approx(fitted(noise, found.words).misfit)


def test_too_little_sound_for_the_words_is_no_crash() -> None:
    assert best_words(sound("T"), NETWORK, 3).misfit > 100


def test_a_word_without_pronunciation_is_refused() -> None:
    with pytest.raises(ValueError, match="no pronunciation for zxqvv"):
        WordNetwork(("tiger", "zxqvv"))


def test_free_phones_are_the_best_of_each_step_without_repeats_and_silence() -> None:
    assert free_phones(sound("T AY _ AY", "G")) == ("T", "AY", "AY", "G")
    assert free_phones(sound("_")) == ()
