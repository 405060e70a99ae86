"""What a loudspeaker, a room and a second codec may leave in a recording: seven measures."""

import numpy as np
import numpy.typing as npt
from scipy import signal
from scipy.linalg import solve_toeplitz

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.low_end import low_end_db
from layers.voice.training.augment import Wave, trim_silence

Floats = npt.NDArray[np.float64]
_HOP = 160
_WINDOW = 400
_ORDER = 16
_TINY = 1e-12


def _db(ratio: float) -> float:
    return float(10.0 * np.log10(ratio + _TINY))


def _band(power: Floats, low_hz: float, high_hz: float) -> float:
    """Mean power between two frequencies, of a spectrum up to 8 kHz."""
    edges = np.array([low_hz, high_hz]) / (SAMPLE_RATE_HZ / 2) * (len(power) - 1)
    first, last = np.round(edges).astype(int)
    return float(power[first:last].mean()) + _TINY


def _residual_kurtosis(frames: Floats) -> float:
    """Median log kurtosis of the prediction residual: reflections fill the gaps between pulses.

    References
    ----------
    Gillespie, Malvar and Florencio 2001, ICASSP: reverberation lowers it.
    """
    found = []
    for frame in frames:
        lags = np.correlate(frame, frame, "full")[len(frame) - 1 : len(frame) + _ORDER]
        lags[0] = lags[0] * 1.0001 + _TINY
        taps = np.concatenate(([1.0], -solve_toeplitz(lags[:_ORDER], lags[1 : _ORDER + 1])))
        residual = signal.lfilter(taps, 1.0, frame)[_ORDER:]
        found.append(np.mean(residual**4) / (np.mean(residual**2) ** 2 + _TINY))
    return float(np.log(np.median(found)))


def replay_measures(wave: Wave) -> dict[str, float]:
    """Measure one clip of speech.

    Returns
    -------
    dict
        Low end of the spectrum (two), upper edge, steepest decay (dB per 10 ms), fast (16-40 Hz)
        against slow (2-8 Hz) modulation, kurtosis of the prediction residual, noise floor.
    """
    speech = trim_silence(wave, 0.05).astype(np.float64)
    speech = np.pad(speech, (0, max(0, 4 * _WINDOW - len(speech))))
    frames = np.lib.stride_tricks.sliding_window_view(speech, _WINDOW)[::_HOP]
    energy = np.square(frames).mean(1) + _TINY
    loud = energy > energy.max() * 1e-3
    power = np.square(np.abs(np.fft.rfft(frames[loud] * np.hanning(_WINDOW), 512))).mean(0)
    level = 10.0 * np.log10(np.maximum(energy, energy.max() * 1e-6))
    slope = np.diff(signal.lfilter(np.ones(3) / 3, 1.0, level))[3:]
    modulation = np.square(np.abs(np.fft.rfft(level - level.mean(), 512)))
    voiced = np.flatnonzero(energy > energy.max() * 0.1)
    chosen = voiced[:: max(1, len(voiced) // 40)]
    return {
        "low_end_db": low_end_db(wave),
        "low_middle_db": _db(_band(power, 200, 400) / _band(power, 500, 1_500)),
        "top_db": _db(_band(power, 6_500, 7_700) / _band(power, 3_000, 5_000)),
        "steepest_decay_db": float(np.percentile(slope, 3)),
        "fast_modulation_db": _db(float(modulation[82:205].mean() / modulation[10:41].mean())),
        "residual_kurtosis": _residual_kurtosis(frames[chosen]),
        "noise_floor_db": _db(float(np.percentile(energy, 5) / energy.mean())),
    }
