"""The mel filters of the two speaker encoders, each by the formula that its makers trained with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray

N_FFT = 400  # 25 ms
HOP = 160  # 10 ms

# Slaney's scale: linear up to 1 kHz, 200/3 Hz a mel; above it 27 mels for a factor of 6.4.
_LINEAR_HZ = 200.0 / 3.0
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27.0

_Points = npt.NDArray[np.float64]


def slaney_filters(n_mels: int) -> FloatArray:
    """Return triangular filters of equal area between 0 and 8 kHz, as the GE2E encoder expects.

    Parameters
    ----------
    n_mels
        Number of filters.

    Returns
    -------
    float32 (n_mels, 201)
        Weights of the bins of a 400-point spectrum at 16 kHz.

    References
    ----------
    Slaney 1998, "Auditory Toolbox", technical report 1998-010, Interval Research.
    """
    top_mel = _BREAK_MEL + np.log(SAMPLE_RATE_HZ / 2 / _BREAK_HZ) / _LOG_STEP
    edges_hz = _slaney_to_hz(np.linspace(0.0, top_mel, n_mels + 2))
    bins_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, N_FFT // 2 + 1)
    width = np.diff(edges_hz)
    rising = (bins_hz - edges_hz[:-2, None]) / width[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / width[1:, None]
    weights = np.maximum(0.0, np.minimum(rising, falling))
    levelled = weights * (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return np.asarray(levelled, dtype=np.float32)


def htk_filters(n_mels: int) -> FloatArray:
    """Return filters on the 2595 log10 scale, each as wide on its right as on its left.

    SpeechBrain draws both sides of a triangle with the width of its left one; a network trained
    on that needs the same.

    Parameters
    ----------
    n_mels
        Number of filters.

    Returns
    -------
    float32 (n_mels, 201)
        Weights of the bins of a 400-point spectrum at 16 kHz; 1 at each centre.
    """
    top_mel = 2595.0 * np.log10(1.0 + SAMPLE_RATE_HZ / 2 / 700.0)
    edges_hz = 700.0 * (10.0 ** (np.linspace(0.0, top_mel, n_mels + 2) / 2595.0) - 1.0)
    bins_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, N_FFT // 2 + 1)
    width = np.diff(edges_hz)[:-1, None]
    slope = (bins_hz - edges_hz[1:-1, None]) / width
    weights = np.maximum(0.0, np.minimum(slope + 1.0, 1.0 - slope))
    return np.asarray(weights, dtype=np.float32)


def _slaney_to_hz(mel: _Points) -> _Points:
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, _LINEAR_HZ * mel, above)
