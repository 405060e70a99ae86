"""Quality of the sound apart from attack: it lowers the confidence and never raises the risk."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import welch

from layers.capture.types import SAMPLE_RATE_HZ, Audio
from verdict.measurement import Measurement, QualityFinding
from verdict.policy import Policy

_CLEANEST_SNR_DB = 60.0
_PAUSE_FRAMES = 20  # 0.2 s of pauses tell the noise; with less, the quietest tenth does
_BAND_EDGE_DB = -50.0
_SEGMENT = 512

_CLIPPED = "AUDIO_CLIPPED"
_HINTS = {
    "SPEECH_TOO_SHORT": "Say all the words, clearly and without hurry.",
    "AUDIO_NOISY": "Record in a quieter place and closer to the microphone.",
    _CLIPPED: "Speak less loudly or further from the microphone: the sound is overdriven.",
    "AUDIO_NARROWBAND": "Use the device's own microphone: a headset or call line cuts the voice.",
}


@dataclass(frozen=True, slots=True)
class SpeechQuality:
    """What was measured of the recording, in the order of the confidence's factors."""

    speech_s: float
    snr_db: float
    clipped_share: float
    bandwidth_hz: float

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The same figures for the evidence."""
        return tuple(Measurement(name, getattr(self, name)) for name in self.__slots__)


def measure_quality(audio: Audio) -> SpeechQuality:
    """Measure a recording in which somebody speaks."""
    return SpeechQuality(audio.speech_s, _snr_db(audio), audio.clipped_share, _bandwidth_hz(audio))


def quality_confidence(quality: SpeechQuality, policy: Policy) -> float:
    """Return how far a score of this recording can be trusted, 0-1: a product of factors."""
    number = policy.number
    return (
        number("voice.confidence.best")
        * _ramp(quality.speech_s, "speech", "s", policy)
        * _ramp(quality.snr_db, "snr", "db", policy)
        * _ramp(-quality.clipped_share, "unclipped", "share", policy)
        * _ramp(quality.bandwidth_hz, "bandwidth", "hz", policy)
    )


def quality_findings(quality: SpeechQuality, policy: Policy) -> tuple[QualityFinding, ...]:
    """Name each condition that lowers the confidence, with what the applicant can do."""
    return tuple(
        QualityFinding(code, value, policy.number(entry), _HINTS[code])
        for code, value, entry, sign in (
            ("SPEECH_TOO_SHORT", quality.speech_s, "voice.quality.speech_s", 1),
            ("AUDIO_NOISY", quality.snr_db, "voice.quality.snr_db", 1),
            (_CLIPPED, quality.clipped_share, "voice.quality.clipped_share", -1),
            ("AUDIO_NARROWBAND", quality.bandwidth_hz, "voice.quality.bandwidth_hz", 1),
        )
        if sign * value < sign * policy.number(entry)
    )


def clipping_findings(audio: Audio, policy: Policy) -> tuple[QualityFinding, ...]:
    """Return the one finding that needs no speech: overdriven sound may be why none was heard."""
    found = quality_findings(measure_quality(audio), policy)
    return tuple(one for one in found if one.code == _CLIPPED)


def _ramp(value: float, name: str, unit: str, policy: Policy) -> float:
    """Rise from the factor at `low` to 1 at `full`."""
    low = policy.number(f"voice.confidence.{name}_low_{unit}")
    full = policy.number(f"voice.confidence.{name}_full_{unit}")
    least = policy.number(f"voice.confidence.{name}_least")
    return least + (1 - least) * min(1.0, max(0.0, (value - low) / (full - low)))


def _snr_db(audio: Audio) -> float:
    level = audio.energy_db
    times = np.arange(len(level)) * audio.energy_hop_s
    spoken = np.zeros(len(level), dtype=np.bool_)
    for start, end in audio.speech:
        spoken |= (times >= start) & (times < end)
    power = np.power(10.0, level.astype(np.float64) / 10)
    if not spoken.any():
        return 0.0
    pauses = power[~spoken]
    noise = np.mean(pauses) if len(pauses) >= _PAUSE_FRAMES else np.percentile(power, 10)
    noise = min(float(noise), float(np.percentile(power, 10)))
    ratio = float(np.mean(power[spoken])) / max(noise, 1e-12)
    return float(np.clip(10 * np.log10(max(ratio, 1e-12)), 0.0, _CLEANEST_SNR_DB))


def _bandwidth_hz(audio: Audio) -> float:
    """Return the highest frequency within 50 dB of the strongest."""
    samples = audio.samples
    if len(samples) < _SEGMENT:
        return 0.0
    frequency, density = welch(samples, SAMPLE_RATE_HZ, nperseg=_SEGMENT)
    level = 10 * np.log10(np.maximum(density, 1e-20))
    present = np.flatnonzero(level >= level.max() + _BAND_EDGE_DB)
    return float(frequency[present[-1]])
