"""How much lies below 200 Hz: small loudspeakers have no bass. Evidence only, never risk.

A replayed real voice is no synthetic speech, so the detectors need not see it. This measure tells
one in four simulated replays from people in the same rooms; a line that cuts the bass looks the
same (docs/voice.md), so nothing but a reader decides by it.
"""

import numpy as np

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray
from verdict.measurement import Measurement
from verdict.policy import Policy

_WINDOW = 400
_HOP = 160
_SIZE = 512
_LOUD_SHARE = 1e-3  # frames within 30 dB of the loudest: speech, not its pauses
_BASS_HZ = (60.0, 200.0)
_VOICE_HZ = (300.0, 1_000.0)
_TINY = 1e-12


def low_end_db(samples: FloatArray) -> float:
    """Return the mean power at 60-200 Hz against that at 300-1,000 Hz, of the loud parts.

    Parameters
    ----------
    samples : float32 (N,)
        Mono at 16 kHz.
    """
    padded = np.pad(samples.astype(np.float64), (0, max(0, _WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    energy = np.square(frames).mean(axis=1)
    loud = frames[energy >= _LOUD_SHARE * energy.max()]
    power = np.square(np.abs(np.fft.rfft(loud * np.hanning(_WINDOW), _SIZE))).mean(axis=0)
    frequency = np.fft.rfftfreq(_SIZE, 1.0 / SAMPLE_RATE_HZ)
    bass, voice = (
        power[(frequency >= low) & (frequency < high)].mean() + _TINY
        for low, high in (_BASS_HZ, _VOICE_HZ)
    )
    return float(10.0 * np.log10(bass / voice))


def low_end_measurement(samples: FloatArray, policy: Policy) -> Measurement:
    """Return the measure for the evidence, beside the level below which replay is worth a look."""
    return Measurement("low_end_db", low_end_db(samples), policy.number("voice.replay.low_end_db"))
