"""Numbers from 0 to 99 in English, German and Spanish, from digits to words and back."""

from __future__ import annotations

from functools import cache

_ONES = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen",
    "de": "null eins zwei drei vier funf sechs sieben acht neun zehn elf zwolf dreizehn vierzehn"
    " funfzehn sechzehn siebzehn achtzehn neunzehn",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce"
    " quince dieciseis diecisiete dieciocho diecinueve veinte veintiuno veintidos veintitres"
    " veinticuatro veinticinco veintiseis veintisiete veintiocho veintinueve",
}
_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "de": "zwanzig dreissig vierzig funfzig sechzig siebzig achtzig neunzig",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
}
# How a digit is also said.
_VARIANTS = {"en": {"oh": 0, "o": 0, "nought": 0}, "de": {"zwo": 2, "ein": 1}, "es": {"un": 1}}
_LONGEST = 3  # cuarenta y dos


def digits_as_words(digits: str, language: str) -> tuple[str, ...]:
    """Return how `digits` is read: a cardinal below 100, else digit by digit.

    Languages without a table keep the single digits.
    """
    if language not in _ONES:
        return tuple(digits)
    if len(digits) <= 2 and not (len(digits) == 2 and digits[0] == "0"):
        return _spoken(int(digits), language)
    return tuple(word for digit in digits for word in _spoken(int(digit), language))


def words_as_digits(words: tuple[str, ...], language: str) -> tuple[str, ...]:
    """Return `words` with each number replaced by its digits, one item per digit."""
    table = _table(language)
    result: list[str] = []
    at = 0
    while at < len(words):
        for length in range(_LONGEST, 0, -1):
            number = table.get(words[at : at + length])
            if number is not None and at + length <= len(words):
                result.extend(str(number))
                at += length
                break
        else:
            result.append(words[at])
            at += 1
    return tuple(result)


def digit_words(language: str) -> tuple[str, ...]:
    """Return the words of the ten digits, or nothing for a language without a table."""
    return tuple(_ONES[language].split()[:10]) if language in _ONES else ()


@cache
def _table(language: str) -> dict[tuple[str, ...], int]:
    if language not in _ONES:
        return {}
    spoken = {_spoken(number, language): number for number in range(100)}
    return spoken | {(word,): number for word, number in _VARIANTS[language].items()}


def _spoken(number: int, language: str) -> tuple[str, ...]:
    ones = _ONES[language].split()
    if number < len(ones):
        return (ones[number],)
    tens, unit = _TENS[language].split()[number // 10 - 2], number % 10
    if unit == 0:
        return (tens,)
    if language == "de":
        return (f"{'ein' if unit == 1 else ones[unit]}und{tens}",)
    return (tens, "y", ones[unit]) if language == "es" else (tens, ones[unit])
