"""The last step of every way in: checks across files, receipts, quality, one Capture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from layers.capture.collect import EvenSample
from layers.capture.errors import MediaLimitError
from layers.capture.limits import CaptureLimits
from layers.capture.quality import quality_findings
from layers.capture.types import (
    Audio,
    Capture,
    Challenge,
    FaceTrack,
    SensorFigures,
    Source,
    TimeArray,
)
from verdict.policy import Policy, load_policy


def check_total(paths: Iterable[Path], limits: CaptureLimits) -> None:
    """Refuse files that are too large together."""
    total = sum(path.stat().st_size for path in paths if path.exists())
    if total > limits.max_total_bytes:
        msg = f"the files have {total} bytes together; at most {limits.max_total_bytes} are taken"
        raise MediaLimitError(msg)


def receipts(received_s: Sequence[float] | None, n: int) -> TimeArray:
    """Return one receipt per frame; a single one is that of the last frame."""
    arrived = np.full(n, np.nan)
    if received_s is not None and len(received_s) == n:
        arrived[:] = received_s
    elif received_s is not None and len(received_s) == 1 and n:
        arrived[-1] = received_s[0]
    elif received_s is not None:
        msg = f"received_s: expected one time or {n}, got {len(received_s)}"
        raise ValueError(msg)
    return arrived


def clock_skew_s(client_time_s: float | None, times: TimeArray, arrived: TimeArray) -> float:
    """Return how much later than the client's clock said the frames arrived, NaN if not known.

    Parameters
    ----------
    client_time_s
        The client's clock at time 0 of the capture.
    times, arrived
        (T,) when each frame was taken, and when it reached the server.
    """
    known = np.isfinite(arrived)
    if client_time_s is None or not known.any():
        return float("nan")
    return float(np.median((arrived - client_time_s - times)[known]))


def finished(
    source: Source,
    track: FaceTrack,
    sample: EvenSample,
    audio: Audio | None,
    challenge: Challenge | None,
    *,
    sensor: SensorFigures | None = None,
    policy: Policy | None = None,
) -> Capture:
    """Return the capture with its quality findings, by the shipped policy when none is given."""
    capture = Capture(source, track, sample.images, sample.indices, audio, challenge or Challenge())
    size_px = (sample.images[0].shape[1], sample.images[0].shape[0]) if sample.images else None
    findings = quality_findings(source.kind, track, capture.audio, policy or load_policy(), size_px)
    return replace(capture, findings=findings, sensor=sensor)
