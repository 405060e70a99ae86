"""Slaney's mel filters, which the GE2E encoder and the published vocoders were trained with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from layers.capture.types import FloatArray

# Linear up to 1 kHz, 200/3 Hz a mel; above it 27 mels for a factor of 6.4.
_LINEAR_HZ = 200.0 / 3.0
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ
_LOG_STEP = np.log(6.4) / 27.0

_Points = npt.NDArray[np.float64]


def slaney_filters(
    n_mels: int, rate_hz: int, n_fft: int, low_hz: float = 0.0, high_hz: float | None = None
) -> FloatArray:
    """Return triangular filters of equal area.

    Parameters
    ----------
    n_mels
        Number of filters.
    rate_hz, n_fft
        Sampling rate and length of the transform.
    low_hz, high_hz
        Edges of the lowest and the highest filter; half the sampling rate without a `high_hz`.

    Returns
    -------
    float32 (n_mels, n_fft // 2 + 1)
        Weights of the bins of a power or magnitude spectrum.

    References
    ----------
    Slaney 1998, "Auditory Toolbox", technical report 1998-010, Interval Research.
    """
    top_hz = rate_hz / 2 if high_hz is None else high_hz
    edges_hz = _to_hz(np.linspace(_to_mel(low_hz), _to_mel(top_hz), n_mels + 2))
    bins_hz = np.linspace(0.0, rate_hz / 2, n_fft // 2 + 1)
    width = np.diff(edges_hz)
    rising = (bins_hz - edges_hz[:-2, None]) / width[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / width[1:, None]
    weights = np.maximum(0.0, np.minimum(rising, falling))
    levelled = weights * (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return np.asarray(levelled, dtype=np.float32)


def _to_mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ
    return float(_BREAK_MEL + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _to_hz(mel: _Points) -> _Points:
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, _LINEAR_HZ * mel, above)
