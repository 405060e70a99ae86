"""Client and server clock beside each other, as far as receipts are known."""

from __future__ import annotations

import numpy as np

from layers.capture.types import Capture, MediaKind
from layers.liveness.finding import Finding, informing, judged
from verdict.policy import Policy


def receipts_of(capture: Capture, policy: Policy) -> list[Finding]:
    """Compare the server's receipts with the client's clock, as far as they are known."""
    return [
        *_skew(capture, policy),
        *_streamed(capture, policy),
        *_longer_than_open(capture, policy),
    ]


def _skew(capture: Capture, policy: Policy) -> list[Finding]:
    skew_s = capture.source.clock_skew_s
    if not np.isfinite(skew_s):
        return []
    most_s = policy.number("liveness.timing.clock_skew_s")
    reason = f"client and server clock are {abs(skew_s):.0f} s apart"
    return [judged("clock_skew_s", skew_s, most_s, reason, wrong=abs(skew_s) > most_s)]


def _streamed(capture: Capture, policy: Policy) -> list[Finding]:
    """Look at frames that arrived one by one: none can arrive before it was taken."""
    received = capture.track.received_s
    known = np.flatnonzero(np.isfinite(received))
    if len(known) < 2:
        return []
    order = known[np.argsort(capture.track.t_s[known], kind="stable")]
    taken_s = capture.track.t_s[order] - capture.track.t_s[order[0]]
    arrived_s = received[order] - received[order[0]]
    # A frame may wait before it is sent, but the first to arrive bounds how early any other
    # can have been taken.
    ahead_s = float(np.max(taken_s - arrived_s))
    most_s = policy.number("liveness.timing.ahead_of_receipt_s")
    streamed = bool(np.ptp(arrived_s) > most_s)
    wrong = streamed and ahead_s > most_s
    reason = f"frames arrived {ahead_s:.1f} s before they were taken"
    findings = [judged("ahead_of_receipt_s", ahead_s, most_s, reason, wrong=wrong)]
    if streamed and np.ptp(taken_s) > 0:
        slope = float(np.polyfit(taken_s, arrived_s, 1)[0])
        note = "server seconds for one of the client's, over the frames that were streamed"
        findings.append(informing("clock_rate", slope, note))
    return findings


def _longer_than_open(capture: Capture, policy: Policy) -> list[Finding]:
    """Hold the length of a page's burst against the time since its challenge could be known.

    What is longer was not taken after the link was opened, or by a clock that runs too fast.
    """
    open_s = capture.source.open_s
    if not np.isfinite(open_s) or not len(capture.track):
        return []
    longer_s = float(np.ptp(capture.track.t_s)) - open_s
    if capture.source.kind is not MediaKind.FRAMES or capture.source.device is None:
        return [informing("longer_than_open_s", longer_s)]
    most_s = policy.number("liveness.timing.longer_than_open_s")
    reason = f"the capture lasts {longer_s:.1f} s longer than its link was open"
    return [judged("longer_than_open_s", longer_s, most_s, reason, wrong=longer_s > most_s)]
