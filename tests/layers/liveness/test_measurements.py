"""The figures' own tools: what is cut, mirrored, turned and put together keeps its meaning."""

from __future__ import annotations

import numpy as np
import pytest

from layers.capture.types import Capture, Step
from layers.liveness.blink import check_blink
from layers.liveness.head_movement import check_head_movement
from layers.liveness.measurements.binding import failed_checks
from layers.liveness.measurements.sessions import ORDERS, acts_of
from layers.liveness.measurements.table import Tally, markdown
from layers.liveness.measurements.tracks import between, interval_of, joined, mirrored, thinned
from tests.layers.liveness.liveness_builders import (
    capture,
    ear_with_blinks,
    times,
    track,
    yaw_with_turns,
)
from verdict.policy import load_policy

POLICY = load_policy()


def clip(turns: tuple[tuple[float, float], ...] = ((5.0, 25.0), (8.0, -25.0))) -> Capture:
    t_s = times(12.0, 30.0)
    own = track(t_s, ear=ear_with_blinks(t_s, [2.0]), yaw=yaw_with_turns(t_s, turns, half_s=0.8))
    return capture(own)


def test_thinning_keeps_times_and_every_nth_row() -> None:
    own = clip().track
    thin = thinned(own, 10.0, phase=1)
    assert interval_of(thin) == pytest.approx(0.1)
    assert thin.t_s.tolist() == own.t_s[1::3].tolist()


def test_pieces_follow_one_another_at_the_usual_interval() -> None:
    own = clip().track
    whole = joined([between(own, 1.0, 2.0), between(own, 4.0, 6.0)])
    assert np.diff(whole.t_s) == pytest.approx(np.full(len(whole) - 1, 1 / 30))
    assert len(whole) == 90


def test_a_mirror_changes_the_sides_of_turns_and_eyes() -> None:
    t_s = times(4.0, 30.0)
    wink = np.stack([ear_with_blinks(t_s, [2.0]), np.full(len(t_s), 0.3)], axis=1)
    own = track(t_s, ear=wink, yaw=np.full(len(t_s), 10.0))
    other = mirrored(own)
    assert other.yaw_deg == pytest.approx(-own.yaw_deg)
    assert other.ear[:, 1] == pytest.approx(own.ear[:, 0])


@pytest.mark.parametrize(
    ("turns", "kind"),
    [(((5.0, 25.0), (8.0, -25.0)), "real"), (((5.0, 25.0),), "mirrored")],
)
def test_a_clip_becomes_sessions_that_pass_as_asked(
    turns: tuple[tuple[float, float], ...], kind: str
) -> None:
    acts = acts_of("somebody", clip(turns), POLICY)
    assert acts is not None
    assert acts.turns == kind
    for order in ORDERS[::6]:
        session = acts.session(order)
        assert [prompt.step for prompt in session.challenge.prompts] == list(order)
        assert failed_checks(session, POLICY) == []
        assert check_blink(session, POLICY).passed
        assert check_head_movement(session, POLICY).passed


def test_acts_in_another_order_fail() -> None:
    acts = acts_of("somebody", clip(), POLICY)
    assert acts is not None
    order = (Step.NEUTRAL, Step.BLINK, Step.TURN_LEFT, Step.TURN_RIGHT, Step.SPEAK)
    other = (Step.NEUTRAL, Step.BLINK, Step.TURN_RIGHT, Step.TURN_LEFT, Step.SPEAK)
    assert "head_movement" in failed_checks(acts.session(order, acts.prompts(other)), POLICY)


def test_who_never_blinks_has_no_acts() -> None:
    t_s = times(8.0, 30.0)
    assert acts_of("somebody", capture(track(t_s)), POLICY) is None


def test_a_table_counts_captures_people_and_checks() -> None:
    tally = Tally()
    tally.add("turned", "a", ["blink", "turn"])
    tally.add("turned", "a", [])
    tally.add("turned", "b", ["turn"])
    text = markdown(tally.table("Some"))
    assert "| turned | 2 (66.7%) | 3 (2) | 9.4% - 99.2% | blink 1, turn 2 |" in text
