"""General English by pocketsphinx with the model of its wheel: the words of open phrases."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from layers.capture.types import FloatArray
from layers.registry import file_digest
from layers.voice.normalise import normalise
from layers.voice.pronunciation import model_folder
from layers.voice.recogniser import Transcript

if TYPE_CHECKING:
    from pocketsphinx import Decoder

_ACOUSTIC_MODEL = Path("model") / "en-us" / "en-us" / "sendump"
_LANGUAGE = "en"
_PEAK = 0.7
# Band-limited sound leaves the upper mel bands empty, which the acoustic model takes for other
# phones; noise below the speech fills them. Chosen on train and dev, docs/phrase.md.
_DITHER_DB = -40.0


class PocketsphinxRecogniser:
    """Free recognition over general English: the wheel's dictionary and trigrams."""

    def __init__(self) -> None:
        self._lock = Lock()  # a decoder holds one utterance

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the acoustic model's largest file."""
        return file_digest(model_folder() / _ACOUSTIC_MODEL)

    @cached_property
    def _decoder(self) -> Decoder:
        from pocketsphinx import Decoder

        return Decoder(loglevel="FATAL")

    def transcribe(self, samples: FloatArray) -> Transcript:
        """Return what is said in `samples`, which are not silent.

        Parameters
        ----------
        samples : float32 (N,)
            Mono at 16 kHz, trimmed to the speech.
        """
        with self._lock:
            decoder = self._decoder
            decoder.reinit_feat()  # the noise estimate would go on from the recording before
            decoder.start_utt()
            decoder.process_raw(_pcm(samples), full_utt=True)
            decoder.end_utt()
            found = decoder.hyp()
        words = normalise(found.hypstr, _LANGUAGE) if found else ()
        if not words:
            return Transcript((), 0.0, "nothing_understood")
        return Transcript(words, min(1.0, max(0.0, float(found.prob))))


def _pcm(samples: FloatArray) -> bytes:
    """Return 16-bit samples at one level, with the dither that is the same every time."""
    level = samples * (_PEAK / float(np.abs(samples).max()))
    rms = float(np.sqrt(np.mean(np.square(level))))
    noise = np.random.default_rng(0).standard_normal(len(level)).astype(np.float32)
    mixed = level + noise * (rms * 10 ** (_DITHER_DB / 20))
    return bytes((np.clip(mixed, -1.0, 1.0) * 32767).astype("<i2").tobytes())
