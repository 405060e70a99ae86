"""What a recording says apart from its speech, and the same recording through another channel."""

import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.training.augment import Wave, low_pass, resample, set_level, through_codec
from layers.voice.training.batch import coloured_noise
from layers.voice.training.replay import replay

_FRAME = 320
_SILENT_BELOW_PEAK_DB = 38.0


def _edge_s(loud: npt.NDArray[np.bool_]) -> float:
    """Seconds before the first loud frame."""
    return float(np.argmax(loud)) * _FRAME / SAMPLE_RATE_HZ if loud.any() else 0.0


def channel_measures(wave: Wave) -> dict[str, float]:
    """Loudness, bandwidth, silence, noise floor and duration of one clip."""
    frames = wave[: len(wave) // _FRAME * _FRAME].reshape(-1, _FRAME)
    energy = np.square(frames).mean(1) + 1e-12
    loud = energy > energy.max() * 10.0 ** (-_SILENT_BELOW_PEAK_DB / 10.0)
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_FRAME)))).mean(0) + 1e-12
    rolled = np.searchsorted(np.cumsum(power) / power.sum(), 0.99)
    return {
        "loudness_db": float(10.0 * np.log10(energy.mean())),
        "noise_floor_db": float(10.0 * np.log10(np.percentile(energy, 5) / energy.mean())),
        "bandwidth_hz": float(rolled * SAMPLE_RATE_HZ / _FRAME),
        "above_7_khz_db": float(10.0 * np.log10(power[140:].sum() / power.sum())),
        "below_80_hz_db": float(10.0 * np.log10(power[:2].sum() / power.sum())),
        "leading_silence_s": _edge_s(loud),
        "trailing_silence_s": _edge_s(loud[::-1]),
        "silent_share": float(np.mean(~loud)),
        "duration_s": len(wave) / SAMPLE_RATE_HZ,
    }


def _noisy(wave: Wave, snr_db: float) -> Wave:
    noise = coloured_noise(np.random.default_rng(0), len(wave))
    made: Wave = wave + noise * np.float32(np.std(wave) * 10.0 ** (-snr_db / 20.0))
    return np.clip(made, -1.0, 1.0).astype(np.float32)


def _through_rate(wave: Wave, rate_hz: int) -> Wave:
    return resample(resample(wave, SAMPLE_RATE_HZ, rate_hz), rate_hz, SAMPLE_RATE_HZ)


def _replayed(wave: Wave) -> Wave:
    """Another chain for every clip, the same one each time."""
    return replay(wave, np.random.default_rng(zlib.crc32(wave.tobytes())))


def changes() -> dict[str, Callable[[Wave], Wave]]:
    """Every change of channel that a score should ignore, by its name; each is deterministic."""
    return {
        "level -20 dB": lambda wave: set_level(wave, -46.0),
        "Opus 24 kbit/s": lambda wave: through_codec(wave, "libopus", "ogg", 48_000, 24_000),
        "Opus 64 kbit/s": lambda wave: through_codec(wave, "libopus", "ogg", 48_000, 64_000),
        "MP3 64 kbit/s": lambda wave: through_codec(wave, "libmp3lame", "mp3", 44_100, 64_000),
        "AAC 48 kbit/s": lambda wave: through_codec(wave, "aac", "adts", 44_100, 48_000),
        "AMR-NB 12.2 kbit/s": lambda wave: through_codec(
            wave, "libopencore_amrnb", "amr", 8_000, 12_200
        ),
        "low-pass 4 kHz": lambda wave: low_pass(wave, 4_000.0, 8),
        "low-pass 6.5 kHz": lambda wave: low_pass(wave, 6_500.0, 8),
        "22.05 kHz and back": lambda wave: _through_rate(wave, 22_050),
        "12 kHz and back": lambda wave: _through_rate(wave, 12_000),
        "noise at 20 dB": lambda wave: _noisy(wave, 20.0),
        "0.5 s of silence before": lambda wave: np.pad(wave, (8_000, 0)),
        "replayed (simulated)": _replayed,
    }
