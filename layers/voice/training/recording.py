"""A waveform as the engine sees it, and its score by the engine's own path."""

from layers.capture.speech import energy_db, voice_activity
from layers.capture.types import Audio
from layers.voice.analyse import score_speech
from layers.voice.protocol import SpeechDetector
from layers.voice.training.augment import Wave


def recording(wave: Wave) -> Audio:
    """Return what the capture would make of these samples."""
    level, hop_s = energy_db(wave)
    return Audio(wave, voice_activity(wave), level, hop_s)


def score_wave(wave: Wave, detector: SpeechDetector) -> float | None:
    """Score a waveform as ``analyse`` does; None where it finds too little speech."""
    return score_speech(recording(wave), detector)[1]
