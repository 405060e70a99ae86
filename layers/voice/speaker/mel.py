"""Frames of the two speaker encoders, and the mel filters as SpeechBrain draws them."""

from __future__ import annotations

import numpy as np

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray

N_FFT = 400  # 25 ms
HOP = 160  # 10 ms


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
