"""Sound of any accepted kind to 16 kHz mono float32, free of NaN; clipping is measured before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from layers.capture.errors import MediaLimitError, UnreadableMediaError
from layers.capture.limits import CaptureLimits
from layers.capture.opening import has_decoder, open_media
from layers.capture.sniff import Container
from layers.capture.speech import energy_db, voice_activity
from layers.capture.types import SAMPLE_RATE_HZ, Audio, FloatArray
from layers.capture.video import check_boxes, unknown_codec, unreadable

# Counted as clipped from here on: one step below full scale of 8 bits, the coarsest format taken.
_FULL_SCALE = 0.992
_RATES_HZ = (4_000, 384_000)
_DAMAGED_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class _Track:
    """A decoded sound track at its own rate.

    Parameters
    ----------
    start_s
        When it starts on the container's clock.
    """

    samples: FloatArray
    rate_hz: int
    codec: str
    start_s: float


def read_audio(
    path: Path, container: Container, limits: CaptureLimits, video_start_s: float | None = None
) -> Audio | None:
    """Return the sound track, or None where the file has none.

    Parameters
    ----------
    video_start_s
        When the first picture is shown, on the container's clock: time 0 of the capture. None for
        a sound file, whose first sample is time 0.

    Raises
    ------
    MediaLimitError
        When it is longer than the limits allow.
    UnreadableMediaError
        When it can't be decoded.
    """
    if container is Container.MP4:
        check_boxes(path)
    try:
        with open_media(path, container) as source:
            if not source.streams.audio:
                return None
            if not has_decoder(source.streams.audio[0]):
                raise unknown_codec(path)
            track = _decode(path, source, limits)
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, MediaLimitError | UnreadableMediaError):
            raise
        raise unreadable(path, error) from None
    if not len(track.samples):
        return None
    samples = resampled(track.samples, track.rate_hz)
    level, hop_s = energy_db(samples)
    return Audio(
        samples=samples,
        speech=voice_activity(samples),
        energy_db=level,
        energy_hop_s=hop_s,
        offset_s=0.0 if video_start_s is None else track.start_s - video_start_s,
        original_rate_hz=track.rate_hz,
        original_codec=track.codec,
        clipped_share=float(np.mean(np.abs(track.samples) >= _FULL_SCALE)),
    )


def resampled(samples: FloatArray, rate_hz: int) -> FloatArray:
    """Return mono samples at 16 kHz, within [-1, 1]."""
    if rate_hz != SAMPLE_RATE_HZ:
        frame = AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE_HZ)
        parts = [
            part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))
        ]
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    clipped: FloatArray = np.clip(samples, -1.0, 1.0).astype(np.float32)
    return clipped


def _decode(path: Path, source: InputContainer, limits: CaptureLimits) -> _Track:
    stream: AudioStream = source.streams.audio[0]
    blocks: list[FloatArray] = []
    start_s: float | None = None
    rate = seconds = packets = damaged = 0.0
    for packet in source.demux(stream):
        packets += 1
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            damaged += 1
            continue
        for frame in frames:
            rate = rate or frame.sample_rate
            if frame.sample_rate != rate or not _RATES_HZ[0] <= rate <= _RATES_HZ[1]:
                msg = f"{path.name}: sound at {frame.sample_rate} Hz can't be used; record it again"
                raise UnreadableMediaError(msg)
            seconds += frame.samples / rate
            if seconds > limits.max_audio_seconds:
                msg = f"{path.name}: more than {limits.max_audio_seconds:g} s of sound"
                raise MediaLimitError(f"{msg}; send a shorter recording")
            start_s = (frame.time or 0.0) if start_s is None else start_s
            blocks.append(_mono(frame))
    if damaged > max(1.0, _DAMAGED_SHARE * packets):
        msg = f"{path.name}: {damaged:.0f} of {packets:.0f} sound packets are damaged"
        raise UnreadableMediaError(f"{msg}; record it again")
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    return _Track(samples, int(rate), stream.codec_context.name, start_s or 0.0)


def _mono(frame: AudioFrame) -> FloatArray:
    """Return the mean of the channels in [-1, 1]; what is not a number becomes silence."""
    values = frame.to_ndarray()
    n_channels = len(frame.layout.channels)
    if not frame.format.is_planar:
        values = values.reshape(-1, n_channels).T
    if values.dtype == np.uint8:
        scaled = (values.astype(np.float32) - 128.0) / 128.0
    elif np.issubdtype(values.dtype, np.integer):
        scaled = values.astype(np.float32) / float(2 ** (8 * values.dtype.itemsize - 1))
    else:
        # Clipped first: doubles may hold more than single precision does.
        finite = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=-1.0)
        scaled = np.clip(finite, -1.0, 1.0).astype(np.float32)
    mean: FloatArray = np.clip(scaled, -1.0, 1.0).mean(axis=0, dtype=np.float32)
    return mean
