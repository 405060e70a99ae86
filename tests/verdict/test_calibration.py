"""The calibration against its closed form."""

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verdict.calibration import logistic_at

SCORES = st.floats(-1e6, 1e6)


@given(st.floats(-50, 50), st.floats(0.01, 20), st.floats(0.01, 0.99))
def test_the_operating_score_falls_on_the_threshold(
    score: float, slope: float, operating_p: float
) -> None:
    assert logistic_at(score, slope, score, operating_p) == pytest.approx(operating_p)


@given(SCORES, SCORES)
def test_a_higher_score_is_never_more_of_an_attack(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert logistic_at(low, 2.0, 0.3, 0.6) >= logistic_at(high, 2.0, 0.3, 0.6)


@given(SCORES)
def test_it_is_a_probability_for_any_score(score: float) -> None:
    assert 0.0 <= logistic_at(score, 20.0, 0.0, 0.6) <= 1.0


def test_log_odds_grow_with_the_slope() -> None:
    p = logistic_at(-1.0, 2.0, 0.5, 0.6)
    assert log(p / (1 - p)) == pytest.approx(log(0.6 / 0.4) + 2.0 * 1.5)
    assert logistic_at(0.0, 1.0, 0.0, 0.5) == 1 / (1 + exp(0.0))


@pytest.mark.parametrize(
    ("score", "slope", "operating_p"),
    [(float("nan"), 1.0, 0.6), (0.0, 0.0, 0.6), (0.0, -1.0, 0.6), (0.0, 1.0, 1.0)],
)
def test_numbers_without_a_meaning_are_refused(
    score: float, slope: float, operating_p: float
) -> None:
    with pytest.raises(ValueError, match=r"expected finite|must"):
        logistic_at(score, slope, 0.0, operating_p)
