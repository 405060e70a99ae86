"""Head turns from closed-form curves of the yaw."""

from __future__ import annotations

import numpy as np
import pytest

from layers.liveness.head_movement import check_head_movement
from tests.layers.liveness.liveness_builders import (
    capture,
    session,
    six_pictures,
    times,
    track,
    yaw_with_turns,
)
from verdict.policy import load_policy

POLICY = load_policy()
NEEDED = POLICY.number("liveness.turn.least_deg")
BOTH = ((4.6, 30.0), (7.1, -30.0))
OTHER_WAY = ((4.6, -30.0), (7.1, 30.0))


@pytest.mark.parametrize("fps", [5.0, 10.0, 15.0, 30.0, 60.0])
def test_turns_in_their_steps_pass(fps: float) -> None:
    result = check_head_movement(session(fps), POLICY)
    assert result.passed, result.reason
    assert result.value == pytest.approx(30.0, abs=2.5)


def test_the_wrong_way_fails_and_says_so() -> None:
    result = check_head_movement(session(turns=OTHER_WAY), POLICY)
    assert not result.passed
    assert "mirror" in result.reason


def test_a_mirrored_capture_turns_both_signs() -> None:
    assert check_head_movement(session(turns=OTHER_WAY, mirrored=True), POLICY).passed
    assert not check_head_movement(session(turns=BOTH, mirrored=True), POLICY).passed


@pytest.mark.parametrize("turns", [((4.6, 30.0),), ((7.1, -30.0),), ()])
def test_one_turn_or_none_fails(turns: tuple[tuple[float, float], ...]) -> None:
    result = check_head_movement(session(turns=turns), POLICY)
    assert not result.passed
    assert "0 of" in result.reason


@pytest.mark.parametrize(("share", "passes"), [(0.8, False), (1.2, True)])
def test_the_needed_angle(share: float, passes: bool) -> None:
    turns = ((4.6, share * NEEDED), (7.1, -30.0))
    assert check_head_movement(session(30.0, turns=turns), POLICY).passed is passes


def test_a_turn_held_before_its_prompt_fails() -> None:
    result = check_head_movement(session(turns=((3.4, 30.0), (7.1, -30.0))), POLICY)
    assert not result.passed
    assert "reacted" in result.reason


def test_a_single_slipped_frame_is_no_turn() -> None:
    t_s = times(6.0, 30.0)
    yaw = np.zeros(len(t_s))
    yaw[40], yaw[90] = 40.0, -40.0
    assert not check_head_movement(capture(track(t_s, yaw=yaw)), POLICY).passed


def test_without_steps_both_sides_are_needed_somewhere() -> None:
    t_s = times(6.0, 30.0)
    both = track(t_s, yaw=yaw_with_turns(t_s, [(2.0, 25.0), (4.0, -25.0)]))
    one = track(t_s, yaw=yaw_with_turns(t_s, [(2.0, 25.0), (4.0, 25.0)]))
    assert check_head_movement(capture(both), POLICY).passed
    assert not check_head_movement(capture(one), POLICY).passed


def test_neutral_is_the_persons_own_but_faces_the_camera() -> None:
    t_s = times(6.0, 30.0)
    turns = yaw_with_turns(t_s, [(2.0, 20.0), (4.0, -20.0)])
    assert check_head_movement(capture(track(t_s, yaw=8.0 + turns)), POLICY).passed
    sideways = check_head_movement(capture(track(t_s, yaw=40.0 + turns)), POLICY)
    assert not sideways.passed, "from 20 to 60 degrees is one side only"


def test_six_pictures() -> None:
    assert check_head_movement(six_pictures(), POLICY).passed
    swapped = six_pictures(yaws=(0.0, 0.0, -25.0, 25.0, 0.0, 0.0))
    assert not check_head_movement(swapped, POLICY).passed
    still = six_pictures(yaws=(0.0,) * 6)
    assert not check_head_movement(still, POLICY).passed


def test_never_straight_fails() -> None:
    yaws = (12.0, 12.0, 45.0, -28.0, 12.0, -40.0)
    result = check_head_movement(six_pictures(yaws=yaws), POLICY)
    assert result.measurements[-1].value == pytest.approx(-14.0)
    assert not result.passed
    assert "straight" in result.reason


def test_without_a_face_it_fails_with_a_reason() -> None:
    t_s = times(2.0, 15.0)
    gone = track(t_s, found=np.zeros(len(t_s), dtype=np.bool_))
    result = check_head_movement(capture(gone), POLICY)
    assert not result.passed
    assert "no face" in result.reason
