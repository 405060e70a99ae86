"""Which windows decided: the fewest, most attack-like first, without which the rest passes."""

from __future__ import annotations

import pytest

from layers.voice.deciding_windows import explained
from verdict.voice_evidence import WindowScore

# A clip is over the threshold where its mean score is below zero.
LIMIT = 0.6


def p_attack(score: float) -> float:
    return LIMIT - 0.1 * score


def is_over(p: float) -> bool:
    return p > LIMIT + 1e-12


def windows(*scores: float) -> list[WindowScore]:
    return [WindowScore(float(k), k + 1.0, score) for k, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "decided"),
    [
        ((1.0, 2.0), ()),
        ((1.0, -5.0, 1.0), (1,)),
        ((-1.0, -5.0, 2.0, -4.0), (1, 3)),  # -1 and 2 alone would pass
        ((-1.0, -2.0), (0, 1)),
        ((-1.0,), (0,)),
        ((0.0, 0.0), ()),
    ],
)
def test_the_fewest_windows_that_keep_the_clip_over(
    scores: tuple[float, ...], decided: tuple[int, ...]
) -> None:
    mean = sum(scores) / len(scores)
    told = explained(windows(*scores), mean, p_attack, is_over)
    assert tuple(k for k, window in enumerate(told) if window.decided) == decided
    assert [window.score for window in told] == list(scores)
    assert [window.p_attack for window in told] == [p_attack(score) for score in scores]


def test_what_other_members_add_counts_in_every_mean() -> None:
    # The member's windows pass by themselves; the others of the ensemble pull the clip down by 3.
    told = explained(windows(1.0, 4.0, 1.0), -1.0, p_attack, is_over)
    assert [window.decided for window in told] == [True, False, True]


def test_a_clip_without_windows_has_none() -> None:
    assert explained((), -1.0, p_attack, is_over) == ()
