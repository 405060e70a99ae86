"""Whisper from a local checkpoint: the recogniser for production. It never downloads anything."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layers.capture.types import FloatArray
from layers.registry import file_digest
from layers.voice.normalise import normalise
from layers.voice.recogniser import Transcript, Vocabulary

if TYPE_CHECKING:
    from whisper.model import Whisper

# Radford et al. 2022 (arXiv 2212.04356), section 4.5: what is silence, and what is guessed.
NO_SPEECH_ABOVE = 0.6
LOGPROB_BELOW = -1.0
COMPRESSION_ABOVE = 2.4


class WhisperCheckpointError(ValueError):
    """A file that is not a Whisper checkpoint; the message says what to give instead."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of Whisper's output with the figures that gate it."""

    text: str
    no_speech: float
    mean_logprob: float
    compression: float

    @property
    def trusted(self) -> bool:
        """Whether it is speech that was understood, not silence, a guess or a loop."""
        return (
            self.no_speech <= NO_SPEECH_ABOVE
            and self.mean_logprob >= LOGPROB_BELOW
            and self.compression <= COMPRESSION_ABOVE
        )


class WhisperRecogniser:
    """Free recognition by Whisper: temperature 0, no prompt, nothing carried between windows.

    Parameters
    ----------
    checkpoint
        A file of the openai-whisper format (``dims`` and ``model_state_dict``).

    Raises
    ------
    WhisperCheckpointError
        When the file is missing or something else.
    """

    def __init__(self, checkpoint: Path) -> None:
        self._checkpoint = checkpoint
        self._model = _load(checkpoint)

    @property
    def name(self) -> str:
        """Name in the evidence."""
        return f"whisper ({self._checkpoint.stem})"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the checkpoint."""
        return file_digest(self._checkpoint)

    def transcribe(self, samples: FloatArray, vocabulary: Vocabulary) -> Transcript:
        """Return what is said in `samples`; of `vocabulary` only the language is used."""
        if not len(samples):
            return Transcript((), 0.0, "no_speech")
        result: dict[str, Any] = self._model.transcribe(
            samples,
            language=vocabulary.language if self._model.is_multilingual else "en",
            task="transcribe",
            temperature=0.0,
            initial_prompt=None,
            condition_on_previous_text=False,
            no_speech_threshold=None,  # gated below, each limit on its own
            logprob_threshold=None,
            compression_ratio_threshold=None,
            fp16=False,
            verbose=None,
        )
        return gated(tuple(map(_segment, result["segments"])), vocabulary.language)


def gated(segments: tuple[Segment, ...], language: str) -> Transcript:
    """Join the trusted segments into one transcript."""
    trusted = [segment for segment in segments if segment.trusted]
    words = normalise(" ".join(segment.text for segment in trusted), language)
    if not words:
        return Transcript((), 0.0, "nothing_understood" if segments else "no_speech")
    confidence = min(exp(min(segment.mean_logprob, 0.0)) for segment in trusted)
    return Transcript(words, confidence)


def _segment(raw: dict[str, Any]) -> Segment:
    return Segment(
        text=str(raw["text"]),
        no_speech=float(raw["no_speech_prob"]),
        mean_logprob=float(raw["avg_logprob"]),
        compression=float(raw["compression_ratio"]),
    )


def _load(checkpoint: Path) -> Whisper:
    import torch
    from whisper.model import ModelDimensions, Whisper

    if not checkpoint.is_file():
        msg = f"{checkpoint}: no such Whisper checkpoint; give a local .pt file, or none"
        raise WhisperCheckpointError(msg)
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model = Whisper(ModelDimensions(**content["dims"]))
        model.load_state_dict(content["model_state_dict"], strict=True)
    except Exception as error:
        msg = (
            f"{checkpoint}: not an openai-whisper checkpoint ({type(error).__name__}); give a "
            "file with 'dims' and 'model_state_dict' as openai-whisper publishes them"
        )
        raise WhisperCheckpointError(msg) from error
    return model.eval()
