"""Error rates against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, norm

from verdict.error_rates import (
    Rate,
    apcer_per_species,
    auc,
    bpcer,
    bpcer_at_apcer,
    clopper_pearson,
    equal_error_rate,
    equal_error_rate_interval,
)


def test_no_error_among_n_is_bounded_by_the_root_of_the_tail() -> None:
    low, high = clopper_pearson(0, 31)
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 31), abs=1e-12)


def test_only_errors_mirror_no_error() -> None:
    low, high = clopper_pearson(31, 31)
    assert low == pytest.approx(0.025 ** (1 / 31), abs=1e-12)
    assert high == 1.0


def test_nothing_to_decide_says_nothing() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert np.isnan(Rate(0, 0).value)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_is_that_of_the_beta_quantiles(case: tuple[int, int]) -> None:
    errors, n = case
    low, high = clopper_pearson(errors, n)
    if errors:
        assert low == pytest.approx(beta.ppf(0.025, errors, n - errors + 1), abs=1e-9)
    if errors < n:
        assert high == pytest.approx(beta.ppf(0.975, errors + 1, n - errors), abs=1e-9)
    assert low <= errors / n <= high


def test_a_rate_counts_no_more_errors_than_decisions() -> None:
    with pytest.raises(ValueError, match="errors <= n"):
        Rate(3, 2)


def test_bpcer_is_the_share_of_bona_fide_rejected() -> None:
    rate = bpcer([True, False, False, False])
    assert (rate.errors, rate.n, rate.value) == (1, 4, 0.25)


def test_species_stand_worst_first_and_are_never_averaged() -> None:
    decisions = [("swap", True)] * 8 + [("swap", False)] * 2 + [("print", False)] * 3
    decisions += [("replay", False)] * 5 + [("mask", True)]
    rates = apcer_per_species(decisions)
    assert list(rates) == ["replay", "print", "swap", "mask"]
    assert [rate.value for rate in rates.values()] == [1.0, 1.0, 0.2, 0.0]


def test_separated_classes_have_no_equal_error() -> None:
    found = equal_error_rate([0.1, 0.2], [0.8, 0.9])
    assert found.value == 0.0
    assert 0.2 <= found.threshold <= 0.8


def test_swapped_classes_are_always_wrong() -> None:
    assert equal_error_rate([0.8, 0.9], [0.1, 0.2]).value == 1.0


def test_same_scores_are_a_coin() -> None:
    assert equal_error_rate([0.5] * 7, [0.5] * 3).value == pytest.approx(0.5)
    assert auc([0.5] * 7, [0.5] * 3) == 0.5


def test_one_of_four_on_each_side() -> None:
    bonafide, attack = [0.1, 0.2, 0.3, 0.7], [0.4, 0.8, 0.9, 1.0]
    assert equal_error_rate(bonafide, attack).value == pytest.approx(0.25)
    assert auc(bonafide, attack) == 15 / 16
    assert bpcer_at_apcer(bonafide, attack) == 0.25
    assert bpcer_at_apcer(bonafide, attack, 0.25) == 0.0


def test_normal_scores_meet_at_half_their_distance() -> None:
    quantiles = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    found = equal_error_rate(quantiles, quantiles + 2.0)
    assert found.value == pytest.approx(norm.cdf(-1.0), abs=1e-3)
    assert found.threshold == pytest.approx(1.0, abs=1e-3)
    assert auc(quantiles, quantiles + 2.0) == pytest.approx(norm.cdf(np.sqrt(2.0)), abs=1e-3)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
)
def test_turning_both_classes_round_changes_nothing(
    bonafide: list[float], attack: list[float]
) -> None:
    ahead = equal_error_rate(bonafide, attack).value
    back = equal_error_rate(
        [1 - value for value in attack], [1 - value for value in bonafide]
    ).value
    # 1 - x merges values that differ by less than a rounding: allow one presentation.
    assert ahead == pytest.approx(back, abs=1 / min(len(bonafide), len(attack)))
    assert 0.0 <= ahead <= 1.0


def test_interval_of_the_equal_error_rate_is_repeatable_and_holds_it() -> None:
    draw = np.random.default_rng(7)
    bonafide, attack = draw.normal(0, 1, 80), draw.normal(1.5, 1, 60)
    low, high = equal_error_rate_interval(bonafide, attack, 200)
    assert (low, high) == equal_error_rate_interval(bonafide, attack, 200)
    assert low < equal_error_rate(bonafide, attack).value < high


def test_a_class_that_is_missing_is_an_error() -> None:
    with pytest.raises(ValueError, match="both classes"):
        equal_error_rate([], [0.5])
    with pytest.raises(ValueError, match="finite"):
        auc([float("nan")], [0.5])
