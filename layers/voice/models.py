"""The models of the voice layer, loaded once at start-up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from layers.voice.challenge import word_list
from layers.voice.numerals import digit_words
from layers.voice.protocol import SpeechDetector
from layers.voice.recogniser import Recogniser, Vocabulary

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class VoiceModels:
    """A synthetic-speech detector, with its name in the registry, and a recogniser."""

    detector: SpeechDetector
    recogniser: Recogniser
    detector_name: str = EMBEDDED

    @property
    def digests(self) -> dict[str, str]:
        """Name and SHA-256 of each model, for the evidence."""
        return {
            self.detector_name: self.detector.digest,
            self.recogniser.name: self.recogniser.digest,
        }


def load_voice_models(whisper_checkpoint: Path | None = None) -> VoiceModels:
    """Load the embedded detector, and Whisper from a local file or the bundled recogniser.

    Raises
    ------
    WhisperCheckpointError
        When `whisper_checkpoint` is not a Whisper checkpoint.
    """
    from layers.voice.detector.embedded import EmbeddedDetector

    return VoiceModels(EmbeddedDetector(), load_recogniser(whisper_checkpoint))


def load_recogniser(whisper_checkpoint: Path | None = None) -> Recogniser:
    """Load the recogniser alone."""
    if whisper_checkpoint is not None:
        from layers.voice.whisper_recogniser import WhisperRecogniser

        return WhisperRecogniser(whisper_checkpoint)
    from layers.voice.pocketsphinx_recogniser import PocketsphinxRecogniser

    words = Vocabulary("words", "en", word_list("en"))
    digits = Vocabulary("digits", "en", digit_words("en"))
    return PocketsphinxRecogniser((words, digits))
