"""Two spellings of the same words become equal."""

import pytest

from layers.voice.normalise import by_digits, normalise
from layers.voice.numerals import digit_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Open the GREEN door!", "open the green door"),
        ("  well-known,\tcafé — naïve ", "well known cafe naive"),
        ("don't / don\u2019t", "dont dont"),
        ("room 42", "room forty two"),
        ("3 6 2", "three six two"),
        ("481", "four eight one"),
        ("1,250", "one two five zero"),
        ("07", "zero seven"),
        ("B52s", "b fifty two s"),
        ("Straße", "strasse"),
        ("\u0645\u0631\u062d\u0628\u0627", "\u0645\u0631\u062d\u0628\u0627"),
        ("...!", ""),
        ("", ""),
    ],
)
def test_english(text: str, words: str) -> None:
    assert normalise(text) == tuple(words.split())


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        ("21 Äpfel", "de", "einundzwanzig apfel"),
        ("30", "de", "dreissig"),
        ("42", "es", "cuarenta y dos"),
        ("22", "es", "veintidos"),
        ("¿Qué?", "es", "que"),
        ("42", "fr", "4 2"),
    ],
)
def test_other_languages(text: str, language: str, words: str) -> None:
    assert normalise(text, language) == tuple(words.split())


@pytest.mark.parametrize("language", ["en", "de", "es"])
@pytest.mark.parametrize("number", range(100))
def test_every_number_goes_to_words_and_back(number: int, language: str) -> None:
    assert by_digits(normalise(str(number), language), language) == tuple(str(number))


def test_numbers_compare_by_their_digits() -> None:
    assert by_digits(normalise("code forty two")) == by_digits(normalise("code 4 2"))
    assert by_digits(("five", "oh", "eight")) == ("5", "0", "8")


def test_normalising_twice_changes_nothing() -> None:
    once = normalise("It's 42° — Zoë's 3rd café")
    assert normalise(" ".join(once)) == once


def test_a_language_without_a_table_has_no_digit_words() -> None:
    assert digit_words("en")[:2] == ("zero", "one")
    assert digit_words("fi") == ()
