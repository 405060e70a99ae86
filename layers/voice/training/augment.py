"""Channel augmentation, drawn alike for both classes, so that the channel tells nothing."""

import io
from fractions import Fraction
from typing import cast

import av
import numpy as np
import numpy.typing as npt
from scipy import signal

from layers.capture.types import SAMPLE_RATE_HZ

Wave = npt.NDArray[np.float32]

_FRAME = 320
_TRIM_BELOW_PEAK_DB = 38.0
_ROUND_TRIP_HZ = (8_000, 11_025, 12_000, 20_000, 22_050, 24_000, 44_100, 48_000)
_ROUND_TRIP_WEIGHT = (0.08, 0.08, 0.06, 0.08, 0.28, 0.22, 0.12, 0.08)
_CODECS: tuple[tuple[str, str, int, tuple[int, ...]], ...] = (
    ("libopus", "ogg", 48_000, (12_000, 16_000, 24_000, 32_000, 48_000, 64_000)),
    ("libmp3lame", "mp3", 44_100, (48_000, 64_000, 96_000, 128_000)),
    ("libmp3lame", "mp3", 24_000, (24_000, 32_000, 48_000, 64_000)),
    ("libmp3lame", "mp3", 16_000, (24_000, 32_000, 48_000)),
    ("aac", "adts", 44_100, (48_000, 64_000, 96_000)),
    ("aac", "adts", 16_000, (24_000, 32_000, 48_000)),
    ("libopencore_amrnb", "amr", 8_000, (7_950, 12_200)),
    ("pcm_alaw", "wav", 8_000, (64_000,)),
)
_CODEC_WEIGHT = (0.30, 0.16, 0.14, 0.08, 0.12, 0.08, 0.07, 0.05)


def trim_silence(wave: Wave, keep_s: float) -> Wave:
    """Cut leading and trailing silence down to ``keep_s`` seconds on each side."""
    frames = len(wave) // _FRAME
    if frames < 3:
        return wave
    energy = np.square(wave[: frames * _FRAME].reshape(frames, _FRAME)).mean(axis=1)
    loud = np.flatnonzero(energy > np.max(energy) * 10.0 ** (-_TRIM_BELOW_PEAK_DB / 10.0))
    if len(loud) == 0:
        return wave
    keep = round(keep_s * SAMPLE_RATE_HZ)
    first = max(0, int(loud[0]) * _FRAME - keep)
    return wave[first : min(len(wave), (int(loud[-1]) + 1) * _FRAME + keep)]


def set_level(wave: Wave, level_db: float) -> Wave:
    """Scale to an RMS level in dB relative to full scale, clipping at full scale."""
    rms = float(np.sqrt(np.mean(np.square(wave)) + 1e-12))
    scaled: Wave = np.clip(wave * (10.0 ** (level_db / 20.0) / rms), -1.0, 1.0)
    return scaled.astype(np.float32)


def resample(wave: Wave, from_hz: int, to_hz: int) -> Wave:
    """Polyphase resampling."""
    if from_hz == to_hz:
        return wave
    ratio = Fraction(to_hz, from_hz)
    made: Wave = signal.resample_poly(wave, ratio.numerator, ratio.denominator).astype(np.float32)
    return made


def change_speed(wave: Wave, factor: float) -> Wave:
    """Play faster or slower, pitch and formants moving along (linear phase, by FFT)."""
    made: Wave = signal.resample(wave, max(16, round(len(wave) / factor))).astype(np.float32)
    return made


def through_codec(wave: Wave, encoder: str, container: str, rate_hz: int, bit_rate: int) -> Wave:
    """Encode and decode at ``rate_hz``, returning 16 kHz."""
    source = np.clip(resample(wave, SAMPLE_RATE_HZ, rate_hz), -1.0, 1.0)
    sink = io.BytesIO()
    with av.open(sink, "w", format=container) as writer:
        stream = cast(av.AudioStream, writer.add_stream(encoder, rate=rate_hz))
        stream.layout = "mono"
        if encoder != "pcm_alaw":
            stream.bit_rate = bit_rate
        samples = np.round(source * 32767.0).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = rate_hz
        for packet in stream.encode(frame):
            writer.mux(packet)
        for packet in stream.encode(None):
            writer.mux(packet)
    sink.seek(0)
    chunks: list[Wave] = []
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE_HZ)
    with av.open(sink, "r") as reader:
        for frame in reader.decode(audio=0):
            chunks.extend(part.to_ndarray()[0] for part in resampler.resample(frame))
    return np.concatenate(chunks).astype(np.float32) if chunks else wave


def random_codec(wave: Wave, rng: np.random.Generator) -> Wave:
    """One of Opus, MP3, AAC, AMR-NB and A-law at a random bit rate."""
    encoder, container, rate_hz, rates = _CODECS[int(rng.choice(len(_CODECS), p=_CODEC_WEIGHT))]
    return through_codec(wave, encoder, container, rate_hz, int(rng.choice(rates)))


def low_pass(wave: Wave, cut_hz: float, order: int) -> Wave:
    """Butterworth low-pass."""
    sections = signal.butter(order, cut_hz, fs=SAMPLE_RATE_HZ, output="sos")
    made: Wave = signal.sosfilt(sections, wave).astype(np.float32)
    return made


def channel_variant(wave: Wave, rng: np.random.Generator) -> Wave:
    """A random capture chain: silence, speed, rate round trip, band limit, level, codec."""
    wave = trim_silence(wave, float(rng.uniform(0.0, 0.2)))
    if rng.random() < 0.3:
        wave = change_speed(wave, float(rng.uniform(0.9, 1.12)))
    if rng.random() < 0.5:
        rate_hz = int(rng.choice(_ROUND_TRIP_HZ, p=_ROUND_TRIP_WEIGHT))
        wave = resample(resample(wave, SAMPLE_RATE_HZ, rate_hz), rate_hz, SAMPLE_RATE_HZ)
    if rng.random() < 0.3:
        wave = low_pass(wave, float(rng.uniform(3_300.0, 7_600.0)), int(rng.choice((4, 8))))
    wave = set_level(wave, float(rng.uniform(-34.0, -16.0)))
    if rng.random() < 0.65:
        wave = random_codec(wave, rng)
    return wave
