"""Fixed windows over the whole clip; the clip's score is the mean of its windows' scores."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.protocol import SHORTEST_S

WINDOW_S = 3.2
HOP_S = 1.6

_FRAME = 320
_SILENT_BELOW_PEAK_DB = 38.0


@dataclass(frozen=True, slots=True)
class Window:
    """One window: sample range in the clip, and its samples, repeated to full length."""

    start: int
    end: int
    samples: npt.NDArray[np.float32]


def checked(waveform: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Refuse what the detector can't score.

    Parameters
    ----------
    waveform : npt.NDArray[np.float32], shape (samples,)
        Mono, 16 kHz.

    Returns
    -------
    npt.NDArray[np.float32], shape (samples,)
        The same waveform.

    Raises
    ------
    TypeError
        If it is not float32.
    ValueError
        If it is not one-dimensional, shorter than 0.3 s, not finite, or all zero.
    """
    if not isinstance(waveform, np.ndarray) or waveform.dtype != np.float32:
        got = getattr(waveform, "dtype", type(waveform).__name__)
        raise TypeError(f"waveform: expected a float32 array, got {got}; convert it first")
    if waveform.ndim != 1:
        raise ValueError(
            f"waveform: expected shape (samples,), got {waveform.shape}; mix down to mono"
        )
    if len(waveform) < round(SHORTEST_S * SAMPLE_RATE_HZ):
        raise ValueError(
            f"waveform: expected at least {SHORTEST_S} s at {SAMPLE_RATE_HZ} Hz, "
            f"got {len(waveform) / SAMPLE_RATE_HZ:.3f} s; record more speech"
        )
    if not np.isfinite(waveform).all():
        raise ValueError("waveform: expected finite samples, got NaN or infinity; decode it again")
    if not waveform.any():
        raise ValueError("waveform: expected speech, got digital silence; check the recording")
    return waveform


def speech_bounds(waveform: npt.NDArray[np.float32]) -> tuple[int, int]:
    """First and last sample of the part louder than 38 dB below the peak frame, 0.1 s around.

    Leading and trailing silence tells collections apart, not people from machines.
    """
    frames = len(waveform) // _FRAME
    energy = np.square(waveform[: frames * _FRAME].reshape(frames, _FRAME)).mean(axis=1)
    loud = np.flatnonzero(energy >= energy.max() * 10.0 ** (-_SILENT_BELOW_PEAK_DB / 10.0))
    keep = SAMPLE_RATE_HZ // 10
    first = max(0, int(loud[0]) * _FRAME - keep)
    return first, min(len(waveform), (int(loud[-1]) + 1) * _FRAME + keep)


def cut_windows(
    waveform: npt.NDArray[np.float32],
    size: int = round(WINDOW_S * SAMPLE_RATE_HZ),
    hop: int = round(HOP_S * SAMPLE_RATE_HZ),
) -> tuple[Window, ...]:
    """Cut the clip into overlapping windows; the last one ends with the speech.

    Parameters
    ----------
    waveform : npt.NDArray[np.float32], shape (samples,)
        A waveform that ``checked`` let pass.
    size, hop : int
        Samples in a window, and from the start of one to the next: 3.2 s and half of it.

    Returns
    -------
    tuple of Window
        At least one; a clip shorter than a window is repeated until it fills one.
    """
    first, last = speech_bounds(waveform)
    if last - first <= size:
        return (Window(first, last, np.resize(waveform[first:last], size)),)
    starts = [*range(first, last - size, hop), last - size]
    return tuple(Window(at, at + size, waveform[at : at + size]) for at in starts)
