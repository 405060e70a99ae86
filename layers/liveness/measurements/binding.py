"""Challenge binding: who does what was asked, and recordings of other steps and other times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from layers.capture.types import Capture, Prompt, Step
from layers.liveness.blink import check_blink
from layers.liveness.head_movement import check_head_movement
from layers.liveness.landmarks import check_landmarks
from layers.liveness.measurements.sessions import ORDERS, Acts
from layers.liveness.measurements.table import Table, Tally
from layers.liveness.measurements.tracks import thinned
from layers.liveness.steps import step_fault
from verdict.evidence import CheckName
from verdict.policy import Policy

# What the capture page of this project takes; the native rate where a clip has less.
PAGE_FPS = 10.0
_RATES_FPS = (30.0, 15.0, PAGE_FPS, 5.0)
_SHIFTS_S = (-3.0, -1.5, -0.75, 0.75, 1.5, 3.0)


def failed_checks(capture: Capture, policy: Policy) -> list[str]:
    """Return which checks of the steps a session fails.

    Repeated pictures are left out: a session made of a clip shows some of them twice.
    """
    results = [check_landmarks(capture, policy), check_blink(capture, policy),
               check_head_movement(capture, policy)]  # fmt: skip
    failed = [str(result.name) for result in results if not result.passed]
    if any(step_fault(capture, step, policy) for step in (Step.NEUTRAL, Step.SPEAK)):
        failed.append(str(CheckName.FRAME_TIMING))
    return failed


def accepted_orders(acts: Sequence[Acts], policy: Policy) -> Table:
    """Return how often people who do as asked are rejected: every order, several frame rates."""
    tally = Tally()
    for blinks in (1, 2):
        for fps in _RATES_FPS:
            for k, one in enumerate(acts):
                for order in ORDERS[k % 8 :: 8]:
                    capture = _at_rate(one.session(order, blinks=blinks), fps)
                    what = f"{blinks} blink{'s' * (blinks > 1)}, {fps:g} frames/s"
                    tally.add(what, one.person, failed_checks(capture, policy))
                    if blinks == 2 and fps == PAGE_FPS:
                        tally.add(f"of these, turns {one.turns}", one.person,
                                  failed_checks(capture, policy))  # fmt: skip
    return tally.table("Sessions put together from real clips, answered as asked")


def rejected_bindings(acts: Sequence[Acts], policy: Policy) -> Table:
    """Return how often recordings of other steps, times and sides are rejected, at page rate."""
    tally = Tally()
    for k, one in enumerate(acts):
        for order in ORDERS[k % 12 :: 12]:
            own = _at_rate(one.session(order, blinks=2), PAGE_FPS)
            for other in ORDERS:
                if other != order:
                    what = _permutation(order, other)
                    swapped = _at_rate(
                        one.session(order, one.prompts(other, 2), blinks=2), PAGE_FPS
                    )
                    tally.add(what, one.person, failed_checks(swapped, policy))
            for shift_s in _SHIFTS_S:
                late = _at_rate(
                    one.session(order, _shifted(one.prompts(order, 2), shift_s), blinks=2), PAGE_FPS
                )
                what = f"prompts moved by {shift_s:+g} s against what is done"
                tally.add(what, one.person, failed_checks(late, policy))
            stranger = acts[(k + 1) % len(acts)]
            times = one.session(order, stranger.prompts(order, 2), blinks=2)
            tally.add("right order, at another session's times", one.person,
                      failed_checks(_at_rate(times, PAGE_FPS), policy))  # fmt: skip
            lie = replace(own, challenge=replace(own.challenge, mirrored=True))
            tally.add("mirrored flag that is wrong", one.person, failed_checks(lie, policy))
    return tally.table("Recordings that were not made for this challenge (attacks)")


def _at_rate(capture: Capture, fps: float) -> Capture:
    return replace(capture, track=thinned(capture.track, fps))


def _permutation(own: Sequence[Step], asked: Sequence[Step]) -> str:
    """Name how an order differs from the one asked for, by what a check can see of it."""
    turns = (Step.TURN_LEFT, Step.TURN_RIGHT)
    moved = [step for step in turns if own.index(step) != asked.index(step)]
    if not moved:
        return "another order: only blink and words change places"
    return f"another order: {len(moved)} turn{'s' if len(moved) > 1 else ''} elsewhere"


def _shifted(prompts: Sequence[Prompt], by_s: float) -> tuple[Prompt, ...]:
    first = prompts[0]
    return (first, *(replace(one, t_s=max(0.01, one.t_s + by_s)) for one in prompts[1:]))
