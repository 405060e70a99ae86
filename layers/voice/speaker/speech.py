"""The speech of a recording without its pauses: what a speaker encoder is given."""

from __future__ import annotations

import numpy as np

from layers.capture.types import SAMPLE_RATE_HZ, Audio, FloatArray


def speech_only(audio: Audio) -> FloatArray:
    """Return float32 (N,) at 16 kHz: the stretches in which somebody speaks, joined."""
    pieces = [
        audio.samples[round(start * SAMPLE_RATE_HZ) : round(end * SAMPLE_RATE_HZ)]
        for start, end in audio.speech
    ]
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.float32)
