"""frame_timing: times that a camera could have made, pictures that change as live ones do.

A camera delivers moments in order, at a rate it can hold, each with its own noise. A file that is
played back repeats pictures or whole stretches; a frozen picture repeats itself; software that
poses as a camera often says so. What injection leaves behind is put together here.
"""

from __future__ import annotations

from layers.capture.types import Capture, Step
from layers.liveness.device import device_of
from layers.liveness.finding import Finding, judged
from layers.liveness.interpolation import interpolated
from layers.liveness.intervals import clock_of, rate_of, times_in_order
from layers.liveness.receipts import receipts_of
from layers.liveness.repetition import (
    closest_loop,
    longest_still_s,
    repeat_cadence,
    repeated_share,
)
from layers.liveness.sensor import sensor_of
from layers.liveness.steps import sampling_of, step_fault
from verdict.evidence import CheckName, CheckResult
from verdict.measurement import Measurement
from verdict.policy import Policy


def check_frame_timing(capture: Capture, policy: Policy) -> CheckResult:
    """Return whether times and pictures follow one another as those of a camera do."""
    track = capture.track
    findings = [times_in_order(capture)]
    if sampling_of(track, policy).dense:
        findings += [
            *rate_of(track.t_s, policy),
            *clock_of(track.t_s, capture.source, policy),
            *_repetition(capture, policy),
            *sensor_of(capture),
        ]
    findings += [*receipts_of(capture, policy), *device_of(capture, policy)]
    findings += _steps(capture, policy)
    if not len(track):
        findings.append(Finding(Measurement("frames", 0.0, 1.0), "there are no frames"))
    reasons = [finding.reason for finding in findings if finding.reason]
    frames = {row for one in findings if one.reason for row in one.measurement.frames}
    return CheckResult(
        name=CheckName.FRAME_TIMING,
        passed=not reasons,
        measurements=tuple(finding.measurement for finding in findings),
        frames=tuple(sorted(frames)),
        reason="; ".join(reasons),
    )


def _repetition(capture: Capture, policy: Policy) -> list[Finding]:
    track = capture.track
    share, repeats = repeated_share(track.thumbs)
    most_repeated = policy.number("liveness.timing.repeated_share")
    still_s, still_rows = longest_still_s(
        track.thumbs, track.t_s, policy.number("liveness.timing.still_change")
    )
    most_still_s = policy.number("liveness.timing.still_s")
    loop = closest_loop(track.thumbs, track.t_s, policy)
    least_ratio = policy.number("liveness.loop.least_ratio")
    looped = loop.ratio is not None and loop.ratio < least_ratio
    cadence = repeat_cadence(repeats, len(track))
    return [
        judged(
            "repeated_share",
            share,
            most_repeated,
            f"{share:.0%} of the frames repeat the one before",
            wrong=share > most_repeated,
            rows=repeats,
        ),
        Finding(
            Measurement(
                "repeat_cadence",
                None if cadence is None else float(cadence),
                note="frames from one repeat to the next, where that never changes",
            )
        ),
        judged(
            "longest_still_s",
            still_s,
            most_still_s,
            f"the picture stood still for {still_s:.1f} s",
            wrong=still_s > most_still_s,
            rows=still_rows,
        ),
        Finding(
            Measurement("loop_ratio", loop.ratio, least_ratio, loop.rows if looped else ()),
            "a stretch of moving picture was shown before" if looped else "",
        ),
        *interpolated(track, policy),
    ]


def _steps(capture: Capture, policy: Policy) -> list[Finding]:
    """Hold the frames of the two steps that no other check looks at against their prompts."""
    findings = []
    for step in (Step.NEUTRAL, Step.SPEAK):
        reason = step_fault(capture, step, policy) if step in capture.challenge.steps else ""
        if reason:
            rows = tuple(int(row) for row in capture.track.at_step(step))
            findings.append(Finding(Measurement(f"{step}_out_of_step", 1.0, 0.0, rows), reason))
    return findings
