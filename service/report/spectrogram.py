"""The sound track as a picture: short-time spectrum in dB, up to 8 kHz."""

from __future__ import annotations

import cv2
import numpy as np

from layers.capture.types import Audio, Image
from service.report.pictures import png

_WINDOW, _HOP = 512, 160
_HEIGHT, _MAX_WIDTH = 200, 1200
_RANGE_DB = 75.0


def spectrogram(audio: Audio) -> str:
    """Return the spectrogram as the address of a PNG; empty for less than one window."""
    samples = audio.samples
    if len(samples) < _WINDOW:
        return ""
    frames = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::_HOP]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1))
    level_db = 20 * np.log10(np.maximum(spectrum, 1e-6))
    top = float(level_db.max())
    share = np.clip((level_db - top + _RANGE_DB) / _RANGE_DB, 0.0, 1.0)
    grey = np.round(255 * share.T[::-1]).astype(np.uint8)  # low frequencies at the bottom
    return _coloured(grey)


def _coloured(grey: Image) -> str:
    width = min(grey.shape[1], _MAX_WIDTH)
    sized = cv2.resize(grey, (width, _HEIGHT), interpolation=cv2.INTER_AREA)
    return png(np.asarray(cv2.applyColorMap(sized, cv2.COLORMAP_MAGMA), np.uint8))
