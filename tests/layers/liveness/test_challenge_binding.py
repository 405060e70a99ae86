"""Recordings made for another challenge: other orders, other times, the other side."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from layers.capture.types import Capture, Challenge, Prompt, Step
from layers.liveness.blink import check_blink
from layers.liveness.head_movement import check_head_movement
from layers.liveness.steps import reaction_s
from tests.layers.liveness.liveness_builders import (
    SESSION_PROMPTS,
    capture,
    ear_with_blinks,
    session,
    times,
    track,
    yaw_with_turns,
)
from verdict.evidence import CheckResult
from verdict.policy import load_policy

POLICY = load_policy()
FASTEST_S = POLICY.number("liveness.steps.fastest_action_s")
ASKED = (Step.BLINK, Step.TURN_LEFT, Step.TURN_RIGHT, Step.SPEAK)
STEP_S = 2.5


def acted(order: tuple[Step, ...], asked: tuple[Step, ...]) -> Capture:
    """Somebody who does the steps of `order`, recorded under the prompts of `asked`."""
    starts = {step: 1.5 + STEP_S * k for k, step in enumerate(order)}
    t_s = times(1.5 + STEP_S * len(order), 15.0)
    middle = {step: start_s + STEP_S / 2 for step, start_s in starts.items()}
    turns = ((middle[Step.TURN_LEFT], 30.0), (middle[Step.TURN_RIGHT], -30.0))
    prompts = [(Step.NEUTRAL, 0.0), *((s, 1.5 + STEP_S * k) for k, s in enumerate(asked))]
    steps = [max((p for p in prompts if p[1] <= t), key=lambda p: p[1])[0] for t in t_s]
    own = track(
        t_s,
        ear=ear_with_blinks(t_s, [middle[Step.BLINK]], half_s=0.25),
        yaw=yaw_with_turns(t_s, turns),
        steps=steps,
    )
    return capture(own, prompts=prompts)


def passed(of: Capture) -> tuple[bool, bool]:
    return check_blink(of, POLICY).passed, check_head_movement(of, POLICY).passed


@pytest.mark.parametrize("order", list(permutations(ASKED)))
def test_every_order_passes_as_asked_and_no_other_does(order: tuple[Step, ...]) -> None:
    assert passed(acted(order, order)) == (True, True)
    for asked in permutations(ASKED):
        blink, turns = passed(acted(order, asked))
        assert blink is (order.index(Step.BLINK) == asked.index(Step.BLINK))
        kept = [order.index(side) == asked.index(side) for side in ASKED[1:3]]
        assert turns is all(kept)


def test_sides_in_each_others_place_are_said_to_be_the_other_way() -> None:
    swapped = (Step.BLINK, Step.TURN_RIGHT, Step.TURN_LEFT, Step.SPEAK)
    result = check_head_movement(acted(ASKED, swapped), POLICY)
    assert "mirror" in result.reason


def _moved(by_s: float) -> Capture:
    """A session whose prompts, and the steps of the frames with them, come `by_s` later."""
    own = session(30.0)
    prompts = [Prompt(step, t_s + by_s if t_s else 0.0) for step, t_s in SESSION_PROMPTS]
    steps = tuple(
        max((p for p in prompts if p.t_s <= t), key=lambda p: p.t_s).step for t in own.track.t_s
    )
    moved = replace(own.track, steps=steps)
    return replace(own, track=moved, challenge=Challenge(prompts=tuple(prompts)))


def test_prompts_at_other_times_fail_by_the_checks_of_their_steps() -> None:
    assert passed(_moved(0.0)) == (True, True)
    assert passed(_moved(1.2)) == (False, False)
    assert passed(_moved(-2.0)) == (False, False)


def _value(result: CheckResult, name: str) -> float | None:
    return {one.name: one.value for one in result.measurements}.get(name)


def test_the_reaction_to_each_prompt_is_measured() -> None:
    own = session(30.0)
    blink = check_blink(own, POLICY)
    assert _value(blink, "blink_reaction_s") == pytest.approx(2.3 - 1.5, abs=0.05)
    turns = check_head_movement(own, POLICY)
    needed = POLICY.number("liveness.turn.least_deg")
    # The turn is 30 deg * (1 + cos(pi * t / 0.6 s)) / 2 around its middle.
    before_s = 0.6 * np.arccos(2 * needed / 30.0 - 1) / np.pi
    assert _value(turns, "turn_left_reaction_s") == pytest.approx(4.6 - before_s - 3.5, abs=0.05)
    assert _value(turns, "turn_right_reaction_s") == pytest.approx(7.1 - before_s - 6.0, abs=0.05)


def test_without_prompts_there_is_no_reaction() -> None:
    own = replace(session(30.0), challenge=Challenge())
    assert _value(check_blink(own, POLICY), "blink_reaction_s") is None
    assert _value(check_head_movement(own, POLICY), "turn_left_reaction_s") is None
    assert reaction_s(own, Step.BLINK, 10) is None


@pytest.mark.parametrize(("after_s", "passes"), [(0.7, False), (1.4, True)])
def test_nobody_reacts_sooner_than_they_can(after_s: float, passes: bool) -> None:
    share = after_s * FASTEST_S
    blink = check_blink(session(60.0, blinks_at=(1.5 + share,)), POLICY)
    assert blink.passed is passes
    assert _value(blink, "blink_reaction_s") == pytest.approx(share, abs=0.02)


def test_a_prompt_that_comes_again_counts_from_its_last_showing() -> None:
    t_s = times(6.0, 10.0)
    steps = [Step.BLINK] * len(t_s)
    twice = capture(track(t_s, steps=steps), prompts=[(Step.BLINK, 1.0), (Step.BLINK, 3.0)])
    assert reaction_s(twice, Step.BLINK, 20) == pytest.approx(1.0)
    assert reaction_s(twice, Step.BLINK, 35) == pytest.approx(0.5)
    assert reaction_s(twice, Step.BLINK, 5) == pytest.approx(-0.5), "before any showing"
