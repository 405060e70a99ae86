"""Sound of any format to 16 kHz mono float32; clipping is counted before resampling."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from layers.capture.errors import MediaLimitError, UnreadableMediaError
from layers.capture.files import FileKind, checked_file
from layers.capture.limits import CaptureLimits
from layers.capture.speech import energy_db, voice_activity
from layers.capture.types import SAMPLE_RATE_HZ, Audio, FloatArray
from layers.capture.video import open_container

# Full scale less half a step of 8-bit sound.
_FULL_SCALE = 1.0 - 1.0 / 256.0


def read_audio(path: Path, limits: CaptureLimits, offset_s: float = 0.0) -> Audio | None:
    """Decode the first sound track of a file; None when it has none.

    Raises
    ------
    MediaError
        When the file is empty, too large, damaged or not a media file.
    """
    checked_file(path, limits, FileKind.MEDIA)
    container = open_container(path)
    with container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        rate, codec = stream.codec_context.sample_rate, stream.codec_context.name
        try:
            samples, clipped, start_s = _decode(container, stream, path.name, limits)
        except av.FFmpegError:
            msg = f"{path.name}: the sound is damaged or cut off; record it again"
            raise UnreadableMediaError(msg) from None
    energy, hop_s = energy_db(samples)
    return Audio(
        samples=samples,
        speech=voice_activity(samples),
        energy_db=energy,
        energy_hop_s=hop_s,
        offset_s=offset_s + start_s,
        original_rate_hz=int(rate),
        original_codec=codec,
        clipped_share=clipped,
    )


def _decode(
    container: av.container.InputContainer,
    stream: av.AudioStream,
    name: str,
    limits: CaptureLimits,
) -> tuple[FloatArray, float, float]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
    parts: list[FloatArray] = []
    length, full, seen, start_s = 0, 0, 0, None
    for frame in container.decode(stream):
        if start_s is None:
            start_s = float(frame.time or 0.0)
        loud, count = _full_scale(frame)
        full, seen = full + loud, seen + count
        for piece in resampler.resample(frame):
            parts.append(piece.to_ndarray().reshape(-1))
            length += len(parts[-1])
        if length > limits.max_audio_s * SAMPLE_RATE_HZ:
            msg = f"{name}: more than {limits.max_audio_s:g} s of sound"
            raise MediaLimitError(msg)
    parts += [piece.to_ndarray().reshape(-1) for piece in resampler.resample(None)]
    joined = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    # Float WAV may carry NaN or values beyond full scale; neither may reach a layer.
    clean = np.nan_to_num(joined.astype(np.float32), nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(clean, -1.0, 1.0), full / max(seen, 1), start_s or 0.0


def _full_scale(frame: av.AudioFrame) -> tuple[int, int]:
    """Return how many samples sit at full scale, and how many there are."""
    raw = frame.to_ndarray()
    if np.issubdtype(raw.dtype, np.integer):
        bounds = np.iinfo(raw.dtype)
        middle = 128.0 if raw.dtype == np.uint8 else 0.0
        scaled = (raw.astype(np.float64) - middle) / (bounds.max - middle)
    else:
        scaled = np.nan_to_num(raw.astype(np.float64))
    return int(np.count_nonzero(np.abs(scaled) >= _FULL_SCALE)), raw.size
