"""What one cue of a presentation attack reports, and which frames the cues look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layers.capture.types import Capture


@dataclass(frozen=True, slots=True)
class Cue:
    """One measurement.

    Parameters
    ----------
    value
        Grows with the artefact; None when not measured, then `note` says why.
    frames
        Rows of the track it rests on.
    note
        Where in the picture, or why not measured.
    """

    name: str
    value: float | None
    frames: tuple[int, ...] = ()
    note: str = ""


def spread_rows(capture: Capture, limit: int) -> list[int]:
    """Up to `limit` kept rows with a face, evenly spread over the capture."""
    if not capture.images:
        return []
    rows = [k for k in capture.kept if capture.track.found[k]]
    wanted = np.linspace(0, len(rows) - 1, min(limit, len(rows))).round().astype(int)
    return [rows[k] for k in sorted(set(wanted.tolist()))]
