"""What every layer reports alike: a measured value, and a condition of the recording."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured number with what it was compared with and where it came from.

    Parameters
    ----------
    name
        Snake-case name with a unit suffix where it has a unit (``yaw_range_deg``).
    value
        The measurement; None when it could not be taken (the reason is in `note`).
    threshold
        The operating point it was compared with; None for a figure that only informs.
    frames
        Indices of the frames it rests on; empty when it rests on the whole capture.
    note
        One short sentence for the reader, or empty.
    """

    name: str
    value: float | None
    threshold: float | None = None
    frames: tuple[int, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class QualityFinding:
    """A condition of the room or the recording: never evidence of an attack.

    Parameters
    ----------
    code
        Stable upper-case code (``TOO_DARK``).
    refuses
        True when the capture should be refused at submission and recorded again.
    hint
        What the applicant can do about it.
    """

    code: str
    value: float | None
    limit: float | None
    hint: str
    refuses: bool = False
    frames: tuple[int, ...] = ()


def require_unit(name: str, value: float) -> None:
    """Refuse a value outside 0-1 with a ValueError that names it."""
    if not 0.0 <= value <= 1.0:  # also refuses NaN
        msg = f"{name} must be within 0-1, got {value!r}"
        raise ValueError(msg)
