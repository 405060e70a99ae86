"""The models of the voice layer, loaded once: detectors when they are asked for, a recogniser."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from layers.voice.challenge import word_list
from layers.voice.detector.loading import DetectorFiles, load_detector
from layers.voice.numerals import digit_words
from layers.voice.protocol import SpeechDetector
from layers.voice.recogniser import Recogniser, Vocabulary


class VoiceModels:
    """Synthetic-speech detectors by name, and a recogniser.

    Parameters
    ----------
    recogniser
        Hears the phrase.
    files
        Where detectors lie that are not loaded yet.
    detectors
        Those that are.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        files: DetectorFiles | None = None,
        detectors: dict[str, SpeechDetector] | None = None,
    ) -> None:
        self.recogniser = recogniser
        self._files = files or DetectorFiles()
        self._detectors = dict(detectors or {})

    def detector(self, name: str) -> SpeechDetector:
        """Return a detector, loaded at the first call.

        Raises
        ------
        layers.voice.detector.errors.DetectorFilesError
            When its files are missing, altered or of another kind.
        """
        if name not in self._detectors:
            self._detectors[name] = load_detector(name, self._files)
        return self._detectors[name]

    def digests(self, detectors: Iterable[str]) -> dict[str, str]:
        """Name and SHA-256 of these detectors and of the recogniser, for the evidence."""
        found = {name: self.detector(name).digest for name in detectors}
        return found | {self.recogniser.name: self.recogniser.digest}


def load_voice_models(
    whisper_checkpoint: Path | None = None,
    files: DetectorFiles | None = None,
    detectors: Iterable[str] = (),
) -> VoiceModels:
    """Load the recogniser, Whisper from a local file or the bundled one, and these detectors.

    Raises
    ------
    WhisperCheckpointError
        When `whisper_checkpoint` is not a Whisper checkpoint.
    layers.voice.detector.errors.DetectorFilesError
        When a detector's files are missing, altered or of another kind.
    """
    models = VoiceModels(load_recogniser(whisper_checkpoint), files)
    for name in detectors:
        models.detector(name)
    return models


def load_recogniser(whisper_checkpoint: Path | None = None) -> Recogniser:
    """Load the recogniser alone."""
    if whisper_checkpoint is not None:
        from layers.voice.whisper_recogniser import WhisperRecogniser

        return WhisperRecogniser(whisper_checkpoint)
    from layers.voice.bundled_recogniser import BundledRecogniser

    words = Vocabulary("words", "en", word_list("en"))
    digits = Vocabulary("digits", "en", digit_words("en"))
    return BundledRecogniser((words, digits))
