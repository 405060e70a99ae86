"""Cosine and similarity in closed form."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.capture.types import FloatArray
from layers.voice.speaker.similarity import cosine, levelled, similarity_pct


def test_cosine_of_known_vectors() -> None:
    one = np.array([3.0, 4.0], np.float32)
    assert cosine(one, 2 * one) == pytest.approx(1.0)
    assert cosine(one, np.array([4.0, -3.0], np.float32)) == pytest.approx(0.0)
    assert cosine(one, np.array([1.0, 0.0], np.float32)) == pytest.approx(0.6)
    assert cosine(one, np.zeros(2, np.float32)) == 0.0
    with pytest.raises(ValueError, match="different encoders"):
        cosine(one, np.zeros(3, np.float32))


def test_the_cut_offs_fall_on_the_chosen_cosines() -> None:
    assert similarity_pct(0.80, 0.80, 0.70) == 75.0
    assert similarity_pct(0.70, 0.80, 0.70) == 55.0
    # One more step of 0.1 adds the same log-odds: logit(0.75) + (logit(0.75) - logit(0.55)).
    odds = 2 * log(0.75 / 0.25) - log(0.55 / 0.45)
    assert similarity_pct(0.90, 0.80, 0.70) == round(100 / (1 + exp(-odds)), 1)


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_a_higher_cosine_is_never_less_similar(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= similarity_pct(low, 0.8, 0.7) <= similarity_pct(high, 0.8, 0.7) <= 100


@pytest.mark.parametrize("cosines", [(0.5, 0.7, 0.8), (0.5, 0.7, 0.7), (float("nan"), 0.8, 0.7)])
def test_cut_offs_the_wrong_way_round_are_refused(cosines: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="expected finite cosines"):
        similarity_pct(*cosines)


def test_cut_offs_that_nearly_touch_give_a_step_and_no_overflow() -> None:
    assert similarity_pct(-1.0, 0.7 + 1e-9, 0.7) == 0.0
    assert similarity_pct(1.0, 0.7 + 1e-9, 0.7) == 100.0


def test_levelling_gives_the_cosine_of_three_stretches_each() -> None:
    assert levelled(0.8, (3, 3), 0.76) == pytest.approx(0.8)
    assert levelled(0.8, (7, 2), 1.0) == pytest.approx(0.8)
    # f(3) = 0.84, f(6) = 0.8
    assert levelled(0.8, (3, 6), 0.76) == pytest.approx(0.8 * (0.84 * 0.8) ** 0.5 / 0.84)
    assert levelled(0.8, (1, 6), 0.76) == levelled(0.8, (3, 6), 0.76)  # never raised


def test_levelling_takes_out_what_more_stretches_add() -> None:
    """Stretches of one person share a direction and differ at random around it."""
    rng = np.random.default_rng(0)
    shared, dimensions = 0.76, 4000

    def voice(n: int) -> FloatArray:
        noise = rng.standard_normal((n, dimensions)) / dimensions**0.5
        common = np.eye(1, dimensions)
        stretches = shared**0.5 * common + (1 - shared) ** 0.5 * noise
        return np.asarray(stretches.mean(axis=0), dtype=np.float32)

    raw = [cosine(voice(n), voice(n)) for n in (3, 12)]
    even = [levelled(score, (n, n), shared) for score, n in zip(raw, (3, 12), strict=True)]
    assert raw[1] - raw[0] > 0.05
    assert even[1] == pytest.approx(even[0], abs=0.02)
