"""Separation and correlation against cases whose answer is known."""

import numpy as np
import pytest

from layers.voice.training.association import combined_separation, rank_correlation, separation

RNG = np.random.default_rng(7)
REAL = np.arange(300) < 150


def test_a_measure_that_decides_has_an_area_of_one_on_either_side() -> None:
    values = np.where(REAL, 1.0, 2.0) + 0.1 * RNG.random(300)
    assert separation(values, REAL).value == 1.0
    assert separation(-values, REAL).as_list() == [1.0, 1.0, 1.0]


def test_a_constant_tells_nothing() -> None:
    assert separation(np.zeros(300), REAL).as_list() == [0.5, 0.5, 0.5]


def test_two_normals_one_deviation_apart() -> None:
    found = separation(RNG.standard_normal(300) + ~REAL, REAL)
    assert found.low < 0.760 < found.high  # Phi(1 / sqrt 2)


def test_together_the_measures_tell_more_than_each_alone() -> None:
    shared = 3.0 * RNG.standard_normal(300)
    table = np.stack([shared, shared + ~REAL * 1.5 + 0.3 * RNG.standard_normal(300)], axis=1)
    alone = max(separation(column, REAL).value for column in table.T)
    assert combined_separation(table, REAL).value > alone + 0.2


def test_many_measures_of_noise_predict_nothing() -> None:
    found = combined_separation(RNG.standard_normal((300, 9)), REAL)
    assert found.value == pytest.approx(0.5, abs=0.12)


def test_rank_correlation_sees_order_only() -> None:
    values = RNG.standard_normal(50)
    assert rank_correlation(values, np.exp(values)).value == pytest.approx(1.0)
    assert rank_correlation(values, -values).value == pytest.approx(-1.0)
    assert rank_correlation(values, np.ones(50)).as_list() == [0.0, 0.0, 0.0]
    unrelated = rank_correlation(values, RNG.permutation(values))
    assert unrelated.low < 0 < unrelated.high
