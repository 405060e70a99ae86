"""Times as a camera and a browser's clock make them: order, rate, gaps, jitter."""

from __future__ import annotations

import numpy as np

from layers.capture.types import Capture, MediaKind, Source, TimeArray
from layers.liveness.finding import Finding, informing, judged
from verdict.measurement import Measurement
from verdict.policy import Policy

# W3C High Resolution Time Level 3, 8: browsers coarsen performance.now() to 5 microseconds in
# isolated pages and to 0.1 ms in others (Chromium) or 1 ms (Firefox, Safari). The longer ones are
# the frame times of files at 60, 50, 30 and 25 pictures a second, and of 16.7 ms clocks.
_WHOLE_MS = 1.0
_TICKS_MS = (40.0, 1000 / 30, 20.0, 1000 / 60, _WHOLE_MS, 0.1)
# Times travel as decimal numbers of seconds; page and server may round them to a microsecond.
_ROUNDING_MS = 0.002


def times_in_order(capture: Capture) -> Finding:
    """Return how many frames are not later than the one before."""
    backwards = np.flatnonzero(np.diff(capture.track.t_s) <= 0) + 1
    rows = tuple(int(row) for row in backwards)
    reason = f"{len(rows)} frames are not later than the one before" if rows else ""
    return Finding(Measurement("frames_out_of_order", float(len(rows)), 0.0, rows), reason)


def rate_of(t_s: TimeArray, policy: Policy) -> list[Finding]:
    """Return rate, longest gap, and how uneven the intervals are."""
    gaps = np.diff(np.sort(t_s))
    usual = float(np.median(gaps))
    fps = 1.0 / usual if usual > 0 else float("inf")
    fastest = policy.number("liveness.timing.fastest_fps")
    rate = Finding(
        Measurement("frames_per_s", fps if np.isfinite(fps) else None, fastest),
        f"{fps:.0f} frames a second are more than a camera gives" if fps > fastest else "",
    )
    widest_s = policy.number("liveness.timing.longest_gap_s")
    longest_s = float(gaps.max())
    gap = judged(
        "longest_gap_s",
        longest_s,
        widest_s,
        f"no frame for {longest_s:.1f} s",
        wrong=longest_s > widest_s,
        rows=(int(np.argmax(gaps)) + 1,),
    )
    uneven = float(np.mean(gaps > policy.number("liveness.timing.long_interval") * usual))
    most = policy.number("liveness.timing.long_share")
    reason = f"{uneven:.0%} of the intervals are far longer than usual"
    return [rate, gap, judged("long_interval_share", uneven, most, reason, wrong=uneven > most)]


def clock_of(t_s: TimeArray, source: Source, policy: Policy) -> list[Finding]:
    """Return what the intervals of a burst say of the clock that its times come from.

    A page takes its frames when a timer fires, and stamps them with `performance.now()`: late by
    a tenth of a millisecond now and by many then. A client that makes its times up often forgets
    that. A video's times are those of its container, constant in the best of files: not judged.
    """
    if source.kind is not MediaKind.FRAMES:
        return []
    t_ms = 1000 * np.sort(t_s)
    gaps_ms = np.diff(t_ms)
    spread_ms = float(np.ptp(gaps_ms))
    tick_ms = clock_tick_ms(t_ms)
    findings = [
        informing("clock_tick_ms", tick_ms, "the times are multiples of it; no value: of none"),
        informing("interval_drift", _drift(gaps_ms)),
    ]
    least_ms = policy.number("liveness.timing.interval_spread_ms")
    enough = len(gaps_ms) >= policy.number("liveness.timing.interval_count")
    # A clock that ticks in whole milliseconds hides the jitter of a calm browser, and who does
    # not speak of a camera may not be a browser at all: then the spread only informs.
    hidden = source.device is None or _are_multiples(t_ms, _WHOLE_MS)
    if hidden or not enough:
        return [*findings, informing("interval_spread_ms", spread_ms)]
    reason = f"{len(gaps_ms)} intervals are alike within {spread_ms:.2g} ms: no browser's timer is"
    wrong = spread_ms < least_ms
    return [*findings, judged("interval_spread_ms", spread_ms, least_ms, reason, wrong=wrong)]


def clock_tick_ms(t_ms: TimeArray) -> float:
    """Return the longest known tick of which all times since the first are multiples, or NaN."""
    ticks = (tick_ms for tick_ms in _TICKS_MS if _are_multiples(t_ms, tick_ms))
    return next(ticks, float("nan"))


def _are_multiples(t_ms: TimeArray, tick_ms: float) -> bool:
    since_ms = t_ms - t_ms[0]
    off_ms = np.abs(since_ms - tick_ms * np.round(since_ms / tick_ms))
    return bool(off_ms.max() <= _ROUNDING_MS)


def _drift(gaps_ms: TimeArray) -> float:
    """Return how much longer the intervals of the second half are, as a share of the first's."""
    half = len(gaps_ms) // 2
    first, second = float(np.median(gaps_ms[:half])), float(np.median(gaps_ms[half:]))
    return second / first - 1.0 if first > 0 else float("nan")
