"""Drawn phrases come from their list, and the list keeps its words apart."""

from collections import Counter
from itertools import combinations, pairwise

import pytest

from layers.evaluation.words import pairs_by_distance
from layers.voice.challenge import draw_digits, draw_words, vocabulary_of, word_list
from layers.voice.normalise import normalise
from layers.voice.numerals import digit_words
from layers.voice.pronunciation import closest, pronunciations


def test_three_different_words_of_the_list() -> None:
    for _ in range(200):
        words = draw_words().split()
        assert len(set(words)) == 3
        assert set(words) <= set(word_list())


def test_every_word_and_place_is_drawn() -> None:
    firsts = Counter(draw_words().split()[0] for _ in range(3000))
    assert set(firsts) == set(word_list())  # fails by chance once in 10^18


def test_digits_do_not_repeat_at_once() -> None:
    for _ in range(200):
        digits = draw_digits().split()
        assert len(digits) == 5
        assert all(digit in "0123456789" for digit in digits)
        assert all(a != b for a, b in pairwise(digits))


@pytest.mark.parametrize("n", [0, 1000])
def test_an_impossible_number_of_words_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="asked for"):
        draw_words(n)


def test_a_language_without_a_list_is_refused_and_no_path_is_followed() -> None:
    assert word_list("xx") == ()
    assert word_list("../words/en") == ()
    with pytest.raises(ValueError, match="language 'xx'"):
        draw_words(language="xx")


def test_an_unpositive_number_of_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        draw_digits(0)


def test_each_listed_word_is_its_own_normal_form_and_can_be_recognised() -> None:
    for word in word_list():
        assert normalise(word) == (word,)
        assert pronunciations(word)


def test_any_two_listed_words_differ_in_more_than_four_sounds_of_ten() -> None:
    nearest = min(closest(a, b) for a, b in combinations(word_list(), 2))
    assert nearest >= 0.45  # docs/phrase.md


def test_another_language_has_its_own_list_that_is_shown_as_it_is_compared() -> None:
    spanish = word_list("es")
    assert set(draw_words(language="es").split()) <= set(spanish)
    assert len(spanish) == len(set(spanish)) >= 30
    for word in spanish:
        assert normalise(word, "es") == (word,)
    assert pairs_by_distance(spanish, "es")[0].distance >= 0.6  # docs/phrase.md
    drawn = vocabulary_of(normalise(draw_words(language="es"), "es"), "es")
    assert (drawn.name, drawn.language, drawn.words) == ("words", "es", spanish)


def test_the_vocabulary_is_a_whole_list_or_open() -> None:
    drawn = vocabulary_of(normalise(draw_words()))
    assert (drawn.name, drawn.words) == ("words", word_list())
    digits = vocabulary_of(normalise("4 8 1"))
    assert (digits.name, digits.words, digits.length) == ("digits", digit_words("en"), 3)
    assert vocabulary_of(normalise("open the green door")).is_open
    assert vocabulary_of(()).is_open
    assert vocabulary_of(("tiger",), "xx").is_open
