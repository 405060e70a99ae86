"""Words are compared by how they sound, in order, one by one."""

import pytest

from layers.voice.pronunciation import closest, distance, pronunciations
from layers.voice.sound_match import words_that_differ


def differ(expected: str, heard: str, tolerance: float = 0.34) -> int:
    return words_that_differ(tuple(expected.split()), tuple(heard.split()), tolerance)


def test_the_same_words_do_not_differ() -> None:
    assert differ("yellow mountain seven", "yellow mountain seven", 0.0) == 0


@pytest.mark.parametrize(
    ("expected", "heard"),
    [
        ("secretary dillon", "secretary dylan"),  # the same sounds
        ("snowboy", "snow boy"),  # another border
        ("too many", "two many"),
    ],
)
def test_another_spelling_of_the_same_sounds_is_the_same(expected: str, heard: str) -> None:
    assert differ(expected, heard) == 0


@pytest.mark.parametrize(
    ("expected", "heard", "n"),
    [
        ("tiger lemon river", "tiger guitar river", 1),
        ("tiger lemon river", "lemon tiger river", 2),
        ("tiger lemon river", "tiger lemon", 1),
        ("tiger lemon", "tiger lemon river", 1),
        ("tiger lemon", "", 2),
        ("", "tiger lemon", 2),
        ("five one", "nine one", 1),
    ],
)
def test_other_words_another_order_or_number_differ(expected: str, heard: str, n: int) -> None:
    assert differ(expected, heard) == n


def test_words_that_no_dictionary_has_are_compared_by_letters() -> None:
    assert pronunciations("zxqvv") == ()
    assert differ("zxqvv", "zxqvv") == 0
    assert differ("zxqvv", "zxqvk") == 0  # one letter of five
    assert differ("zxqvv", "tiger") == 1


def test_distance_in_phones() -> None:
    assert distance(("P", "IH", "N"), ("P", "IH", "N")) == 0
    assert distance(("P", "IH", "N"), ("B", "IH", "N")) == 0.5  # alike
    assert distance(("P", "IH", "N"), ("S", "IH", "N")) == 1
    assert distance(("P", "IH", "N"), ("P", "IH")) == 1
    assert closest("robin", "robin") == 0
    assert closest("tiger", "zxqvv") == 1
