"""frame_timing: times that a camera could have made, pictures that change as live ones do.

A camera delivers moments in order, at a rate it can hold, each with its own noise. A file that is
played back repeats pictures or whole stretches; a frozen picture repeats itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layers.capture.types import Capture, Step
from layers.liveness.repetition import closest_loop, longest_still_s, repeated_share
from layers.liveness.steps import sampling_of, step_fault
from verdict.evidence import CheckName, CheckResult
from verdict.measurement import Measurement
from verdict.policy import Policy


@dataclass(frozen=True, slots=True)
class _Finding:
    """One aspect: what was measured, and why it fails, if it does."""

    measurement: Measurement
    reason: str = ""


def check_frame_timing(capture: Capture, policy: Policy) -> CheckResult:
    """Return whether times and pictures follow one another as those of a camera do."""
    track = capture.track
    findings = [_order(capture)]
    if sampling_of(track, policy).dense:
        findings += [
            *_rate(capture, policy),
            *_repetition(capture, policy),
        ]
    findings += [*_sent(capture, policy), *_steps(capture, policy)]
    if not len(track):
        findings.append(_Finding(Measurement("frames", 0.0, 1.0), "there are no frames"))
    reasons = [finding.reason for finding in findings if finding.reason]
    frames = {row for one in findings if one.reason for row in one.measurement.frames}
    return CheckResult(
        name=CheckName.FRAME_TIMING,
        passed=not reasons,
        measurements=tuple(finding.measurement for finding in findings),
        frames=tuple(sorted(frames)),
        reason="; ".join(reasons),
    )


def _order(capture: Capture) -> _Finding:
    backwards = np.flatnonzero(np.diff(capture.track.t_s) <= 0) + 1
    rows = tuple(int(row) for row in backwards)
    reason = f"{len(rows)} frames are not later than the one before" if rows else ""
    return _Finding(Measurement("frames_out_of_order", float(len(rows)), 0.0, rows), reason)


def _rate(capture: Capture, policy: Policy) -> list[_Finding]:
    gaps = np.diff(np.sort(capture.track.t_s))
    usual = float(np.median(gaps))
    fps = 1.0 / usual if usual > 0 else float("inf")
    fastest = policy.number("liveness.timing.fastest_fps")
    rate = _Finding(
        Measurement("frames_per_s", fps if np.isfinite(fps) else None, fastest),
        f"{fps:.0f} frames a second are more than a camera gives" if fps > fastest else "",
    )
    widest_s = policy.number("liveness.timing.longest_gap_s")
    row = int(np.argmax(gaps)) + 1
    gap = _Finding(
        Measurement("longest_gap_s", float(gaps.max()), widest_s, (row,)),
        f"no frame for {gaps.max():.1f} s" if gaps.max() > widest_s else "",
    )
    uneven = float(np.mean(gaps > policy.number("liveness.timing.long_interval") * usual))
    most = policy.number("liveness.timing.long_share")
    jitter = _Finding(
        Measurement("long_interval_share", uneven, most),
        f"{uneven:.0%} of the intervals are far longer than usual" if uneven > most else "",
    )
    return [rate, gap, jitter]


def _repetition(capture: Capture, policy: Policy) -> list[_Finding]:
    track = capture.track
    share, repeats = repeated_share(track.thumbs)
    most_repeated = policy.number("liveness.timing.repeated_share")
    still_s, still_rows = longest_still_s(track.thumbs, track.t_s)
    most_still_s = policy.number("liveness.timing.still_s")
    loop = closest_loop(track.thumbs, track.t_s, policy)
    least_ratio = policy.number("liveness.loop.least_ratio")
    looped = loop.ratio is not None and loop.ratio < least_ratio
    return [
        _Finding(
            Measurement("repeated_share", share, most_repeated, repeats),
            f"{share:.0%} of the frames repeat the one before" if share > most_repeated else "",
        ),
        _Finding(
            Measurement("longest_still_s", still_s, most_still_s, still_rows),
            f"the picture stood still for {still_s:.1f} s" if still_s > most_still_s else "",
        ),
        _Finding(
            Measurement("loop_ratio", loop.ratio, least_ratio, loop.rows if looped else ()),
            "a stretch of moving picture was shown before" if looped else "",
        ),
    ]


def _sent(capture: Capture, policy: Policy) -> list[_Finding]:
    """Compare the server's receipts with the client's clock, as far as they are known."""
    findings = []
    skew_s = capture.source.clock_skew_s
    if np.isfinite(skew_s):
        most_s = policy.number("liveness.timing.clock_skew_s")
        wrong = abs(skew_s) > most_s
        reason = f"client and server clock are {abs(skew_s):.0f} s apart" if wrong else ""
        findings.append(_Finding(Measurement("clock_skew_s", skew_s, most_s), reason))
    received = capture.track.received_s
    known = np.flatnonzero(np.isfinite(received))
    if len(known) > 1:
        order = known[np.argsort(capture.track.t_s[known], kind="stable")]
        taken_s = capture.track.t_s[order] - capture.track.t_s[order[0]]
        arrived_s = received[order] - received[order[0]]
        # A frame may wait before it is sent, but the first to arrive bounds how early any other
        # can have been taken.
        ahead_s = float(np.max(taken_s - arrived_s))
        most_s = policy.number("liveness.timing.ahead_of_receipt_s")
        streamed = bool(np.ptp(received[known]) > most_s)
        wrong = streamed and ahead_s > most_s
        reason = f"frames arrived {ahead_s:.1f} s before they were taken" if wrong else ""
        findings.append(_Finding(Measurement("ahead_of_receipt_s", ahead_s, most_s), reason))
    return findings


def _steps(capture: Capture, policy: Policy) -> list[_Finding]:
    """Hold the frames of the two steps that no other check looks at against their prompts."""
    findings = []
    for step in (Step.NEUTRAL, Step.SPEAK):
        reason = step_fault(capture, step, policy) if step in capture.challenge.steps else ""
        if reason:
            rows = tuple(int(row) for row in capture.track.at_step(step))
            findings.append(_Finding(Measurement(f"{step}_out_of_step", 1.0, 0.0, rows), reason))
    return findings
