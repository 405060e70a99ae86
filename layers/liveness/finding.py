"""One aspect of a check: what was measured, and why it fails, if it does."""

from __future__ import annotations

from dataclasses import dataclass

from verdict.measurement import Measurement


@dataclass(frozen=True, slots=True)
class Finding:
    """One aspect; it fails where it has a reason."""

    measurement: Measurement
    reason: str = ""


def judged(
    name: str,
    value: float,
    threshold: float,
    reason: str,
    *,
    wrong: bool,
    rows: tuple[int, ...] = (),
    note: str = "",
) -> Finding:
    """Return a finding that was compared with a threshold; `reason` counts where it is wrong."""
    return Finding(Measurement(name, value, threshold, rows, note), reason if wrong else "")


def informing(name: str, value: float, note: str = "") -> Finding:
    """Return a figure without a threshold; one that could not be measured has no value."""
    known = value if value == value else None  # NaN is the one number that differs from itself
    return Finding(Measurement(name, known, note=note))
