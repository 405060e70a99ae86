"""Where in a recording someone speaks, and how loud it is: the voice layer and lip-sync need both.

Silero's weights run through onnxruntime as they lie in its wheel; its Python package is never
imported, because it pulls in torchaudio.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# The network's contract (Silero VAD 6, 16 kHz): frames of 512 samples, each preceded by the last
# 64 samples of the frame before; two recurrent states of 128.
_FRAME = 512
_CONTEXT = 64
_STATE = (1, 1, 128)
_FRAMES_PER_CALL = 512
_MODEL_FILE = Path("data") / "silero_vad_16k_sequence.onnx"

# Silero's published defaults for turning probabilities into stretches of speech.
_ENTER = 0.5
_LEAVE = 0.35
_SHORTEST_SPEECH_S = 0.25
_SHORTEST_GAP_S = 0.1
_PAD_S = 0.03

ENERGY_HOP_S = 0.01
_ENERGY_WINDOW_S = 0.025
ENERGY_FLOOR_DB = -100.0


def voice_activity(samples: FloatArray) -> tuple[tuple[float, float], ...]:
    """Return the stretches of speech.

    Parameters
    ----------
    samples : float32 (N,)
        Mono at 16 kHz in [-1, 1].

    Returns
    -------
    tuple of (start_s, end_s)
        Ascending, without overlap, within the recording. Empty where nobody speaks.
    """
    if not len(samples):
        return ()
    return speech_stretches(_speech_probability(samples), len(samples))


def energy_db(samples: FloatArray) -> tuple[FloatArray, float]:
    """Return the short-time level and its hop.

    Parameters
    ----------
    samples : float32 (N,)
        Mono at 16 kHz in [-1, 1].

    Returns
    -------
    float32 (T,), float
        RMS over 25 ms in dB of full scale (never below -100), and the hop in seconds. Value k is
        centred on ``k * hop``.
    """
    hop = round(ENERGY_HOP_S * SAMPLE_RATE_HZ)
    window = round(_ENERGY_WINDOW_S * SAMPLE_RATE_HZ)
    if not len(samples):
        return np.zeros(0, dtype=np.float32), ENERGY_HOP_S
    power = np.concatenate(([0.0], np.cumsum(np.square(samples, dtype=np.float64))))
    centres = np.arange(0, len(samples), hop)
    start = np.maximum(centres - window // 2, 0)
    end = np.minimum(centres + window // 2, len(samples))
    mean_square = np.maximum(power[end] - power[start], 0.0) / (end - start)
    floor = 10 ** (ENERGY_FLOOR_DB / 10)
    return (10 * np.log10(np.maximum(mean_square, floor))).astype(np.float32), ENERGY_HOP_S


def _speech_probability(samples: FloatArray) -> FloatArray:
    """Return the probability of speech in each frame of 32 ms."""
    n_frames = -(-len(samples) // _FRAME)
    padded = np.zeros(_CONTEXT + n_frames * _FRAME, dtype=np.float32)
    padded[_CONTEXT : _CONTEXT + len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, _CONTEXT + _FRAME)[::_FRAME]
    hidden, cell = np.zeros(_STATE, np.float32), np.zeros(_STATE, np.float32)
    parts: list[FloatArray] = []
    for first in range(0, n_frames, _FRAMES_PER_CALL):
        block = np.ascontiguousarray(frames[first : first + _FRAMES_PER_CALL])
        inputs = {"input": block, "h": hidden, "c": cell}
        values, hidden, cell = _session().run(["speech_probs", "hn", "cn"], inputs)
        parts.append(np.asarray(values, dtype=np.float32).reshape(-1))
    return np.concatenate(parts)


def speech_stretches(probability: FloatArray, n_samples: int) -> tuple[tuple[float, float], ...]:
    """Turn the probability of each 32 ms frame into stretches of speech.

    Speech begins at 0.5 and lasts until the probability falls below 0.35; gaps shorter than
    0.1 s are closed, what is then shorter than 0.25 s is dropped, the rest is padded by 30 ms.
    """
    frame_s = _FRAME / SAMPLE_RATE_HZ
    runs: list[list[float]] = []
    speaking = False
    for index, value in enumerate(probability):
        if not speaking and value >= _ENTER:
            speaking = True
            start_s = index * frame_s
            if runs and start_s - runs[-1][1] < _SHORTEST_GAP_S:
                continue  # runs[-1] goes on
            runs.append([start_s, start_s])
        if speaking and value < _LEAVE:
            speaking = False
            runs[-1][1] = index * frame_s
    end_s = n_samples / SAMPLE_RATE_HZ
    if speaking:
        runs[-1][1] = end_s
    kept = [(start, end) for start, end in runs if end - start >= _SHORTEST_SPEECH_S]
    padded: list[tuple[float, float]] = []
    for start, end in kept:
        earliest = padded[-1][1] if padded else 0.0
        padded.append((max(start - _PAD_S, earliest), min(end + _PAD_S, end_s)))
    return tuple(padded)


@cache
def _session() -> InferenceSession:
    """Load the network once, on one thread: the same samples give the same stretches."""
    import onnxruntime

    spec = find_spec("silero_vad")
    if spec is None or spec.origin is None:
        msg = "silero-vad is not installed; run 'make install' again"
        raise ModuleNotFoundError(msg)
    path = Path(spec.origin).parent / _MODEL_FILE
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
