"""Each rule of a verification fires, doesn't fire, is pre-empted; more attack is never milder."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verdict.policy import load_policy
from verdict.speaker import (
    EXPLANATIONS,
    Interpretation,
    UseCase,
    VerificationFacts,
    interpret,
    verify,
)

POLICY = load_policy()
GOOD = VerificationFacts(5, 90, 0.95, 0.9, UseCase.CONTACT_CENTRE)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "match"),
        ({"risk": 60}, "synthetic_audio"),
        ({"risk": 59}, "match"),
        ({"risk": 60, "quality": 0.0, "match_score": 0.0}, "synthetic_audio"),
        ({"quality": 0.499}, "poor_audio"),
        ({"quality": 0.5}, "match"),
        ({"confidence": 69}, "poor_audio"),
        ({"confidence": None}, "poor_audio"),
        ({"quality": 0.499, "match_score": 0.0}, "poor_audio"),
        ({"match_score": 0.8}, "match"),
        ({"match_score": 0.799}, "unclear_match"),
        ({"match_score": 0.55}, "unclear_match"),
        ({"match_score": 0.549}, "mismatch"),
        ({"use_case": UseCase.HIGH_VALUE, "match_score": 0.899}, "unclear_match"),
        ({"use_case": UseCase.HIGH_VALUE, "match_score": 0.9}, "match"),
        ({"use_case": UseCase.CONTINUOUS}, "trend_too_short"),
        ({"use_case": UseCase.CONTINUOUS, "earlier_scores": (0.9, 0.9)}, "match"),
        ({"use_case": UseCase.CONTINUOUS, "earlier_scores": (0.6, 0.7)}, "match"),
        ({"use_case": UseCase.CONTINUOUS, "earlier_scores": (0.6, 0.69)}, "unclear_match"),
        ({"use_case": UseCase.CONTINUOUS, "earlier_scores": (0.0, 0.1)}, "mismatch"),
        # Only the latest five count: the two bad ones are forgotten.
        ({"use_case": UseCase.CONTINUOUS, "earlier_scores": (0, 0, 0.9, 0.9, 0.9, 0.9)}, "match"),
    ],
)
def test_the_first_rule_that_applies_decides(changes: dict[str, object], rule: str) -> None:
    assert verify(replace(GOOD, **changes), POLICY).rule == rule  # type: ignore[arg-type]


@given(st.integers(0, 100), st.integers(0, 100), st.floats(0, 1), st.sampled_from(UseCase))
def test_a_higher_risk_is_never_verified_where_a_lower_one_is_not(
    one: int, other: int, match: float, use: UseCase
) -> None:
    low, high = (
        verify(replace(GOOD, risk=risk, match_score=match, use_case=use), POLICY)
        for risk in sorted((one, other))
    )
    assert not (high.outcome == "verified" and low.outcome != "verified")


@pytest.mark.parametrize(
    ("similarity", "risks", "meaning"),
    [
        (75.0, (59, 59), Interpretation.SAME_PERSON),
        (75.0, (0, 60), Interpretation.POSSIBLE_CLONING_ATTACK),
        (75.0, (60, 0), Interpretation.POSSIBLE_CLONING_ATTACK),
        (74.9, (100, 100), Interpretation.INCONCLUSIVE),
        (55.0, (0, 0), Interpretation.INCONCLUSIVE),
        (54.9, (100, 0), Interpretation.DIFFERENT_PEOPLE),
    ],
)
def test_the_four_outcomes_of_a_comparison(
    similarity: float, risks: tuple[int, int], meaning: Interpretation
) -> None:
    assert interpret(similarity, risks, POLICY) is meaning
    assert EXPLANATIONS[meaning]
