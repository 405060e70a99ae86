"""A recording as a browser would have sent it: Opus at 32 kbit/s in WebM, read by the engine."""

from __future__ import annotations

import tempfile
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame

from layers.capture.load import load_audio_only
from layers.capture.types import SAMPLE_RATE_HZ, Audio

BIT_RATE = 32_000
_OPUS_RATE_HZ = 48_000  # what MediaRecorder encodes at


def through_opus(audio: Audio) -> Audio:
    """Encode, decode and gate again: the whole way of a capture.

    Raises
    ------
    layers.capture.errors.MediaError
        When nothing of the sound is left.
    """
    with tempfile.TemporaryDirectory(prefix="bonafide-opus-") as folder:
        file = Path(folder) / "sent.webm"
        _write(file, audio)
        sent = load_audio_only(file).audio
    if sent is None:
        msg = "the recording was lost on its way through Opus"
        raise ValueError(msg)
    return sent


def _write(file: Path, audio: Audio) -> None:
    samples = np.round(np.clip(audio.samples, -1.0, 1.0) * 32_767.0).astype(np.int16)[None]
    frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate = SAMPLE_RATE_HZ
    resampler = av.AudioResampler(format="s16", layout="mono", rate=_OPUS_RATE_HZ)
    with av.open(str(file), "w", format="webm") as container:
        stream = container.add_stream("libopus", rate=_OPUS_RATE_HZ)
        stream.layout = "mono"
        stream.bit_rate = BIT_RATE
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            container.mux(stream.encode(part))
