"""The sound as a spectrogram, and beneath it the risk of every window: which of them decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from layers.capture.types import Audio
from service.report.plots import Band, Level, Plot, Series, draw
from service.report.spectrogram import spectrogram

Wire = Mapping[str, Any]
_NYQUIST_KHZ = 8.0
_FULL_RISK = 100.0


def sound(audio: Audio | None, evidence: Wire) -> str:
    """Spectrogram with what was heard when; empty without sound. Windows that decided are red."""
    if audio is None or not len(audio.samples):
        return ""
    decided = [window for window in windows_of(evidence) if window.get("decided")]
    return draw(
        Plot(
            title="Sound",
            unit="kHz",
            series=[],
            t_range=_range(audio),
            at_least=(0.0, _NYQUIST_KHZ),
            backdrop=spectrogram(audio),
            over=[
                *(_band(audio, start, end, "", "heard") for start, end in audio.speech),
                *(_span(audio, window, "over-decided") for window in decided),
            ],
            legend=[
                *([("speech", "heard-key")] if audio.speech else []),
                *([("decided", "decided-key")] if decided else []),
            ],
        )
    )


def risk(audio: Audio | None, evidence: Wire) -> str:
    """Risk of every window in percent against the voice threshold; empty where none has one."""
    rated = [one for one in windows_of(evidence) if one.get("p_attack") is not None]
    if audio is None or not rated:
        return ""
    voice, limit = evidence["voice"], evidence["policy"]["thresholds"]["voice"]
    decided = [window for window in rated if window["decided"]]
    rest = [window for window in rated if not window["decided"]]
    return draw(
        Plot(
            title="Risk of speech over time",
            unit="risk",
            series=[
                *([_bars(audio, "window", rest, "a")] if rest else []),
                *([_bars(audio, "window that decided", decided, "decided")] if decided else []),
            ],
            t_range=_range(audio),
            at_least=(0.0, _FULL_RISK),
            levels=[
                Level(limit, f"rejected above {limit:g}", "limit", at_start=True),
                Level(_FULL_RISK * voice["p_attack"], "whole clip"),
            ],
            bands=[_span(audio, window, "decided-band") for window in decided],
        )
    )


def windows_of(evidence: Wire) -> Sequence[Wire]:
    """Return the windows in the evidence; none where the voice layer did not score."""
    voice = evidence["voice"]
    windows: Sequence[Wire] = voice["windows"] if voice else ()
    return windows


def _bars(audio: Audio, name: str, windows: Sequence[Wire], css: str) -> Series:
    # A line as long as its window; the NaN after it lifts the pen.
    t_s = [(window["start_s"], window["end_s"], window["end_s"]) for window in windows]
    values = [_FULL_RISK * window["p_attack"] for window in windows]
    return Series(
        name,
        audio.offset_s + np.asarray(t_s, dtype=np.float64).ravel(),
        np.asarray([(value, value, np.nan) for value in values], dtype=np.float64).ravel(),
        css,
    )


def _span(audio: Audio, window: Wire, css: str) -> Band:
    return _band(audio, window["start_s"], window["end_s"], "", css)


def _band(audio: Audio, start_s: float, end_s: float, label: str, css: str) -> Band:
    return Band(audio.offset_s + start_s, audio.offset_s + end_s, label, css)


def _range(audio: Audio) -> tuple[float, float]:
    return audio.offset_s, audio.offset_s + audio.duration_s
