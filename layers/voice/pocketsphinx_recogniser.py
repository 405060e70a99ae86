"""Words by pocketsphinx with the US English model of its wheel."""

from __future__ import annotations

import tempfile
from functools import cached_property
from math import log10
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from layers.capture.types import FloatArray
from layers.registry import file_digest
from layers.voice.normalise import normalise
from layers.voice.pronunciation import model_folder, pronunciations
from layers.voice.recogniser import Transcript, Vocabulary

if TYPE_CHECKING:
    from pocketsphinx import Decoder

_ACOUSTIC_MODEL = Path("model") / "en-us" / "en-us" / "sendump"
_LANGUAGE = "en"
_PEAK = 0.7
# Band-limited sound leaves the upper mel bands empty, which the acoustic model takes for other
# phones; noise below the speech fills them. Chosen on train and dev, docs/phrase.md.
_LIST_DITHER_DB = -30.0
_OPEN_DITHER_DB = -40.0
_LIST_WORD_INSERTION = 0.05  # pocketsphinx' own 0.65 makes up digits that nobody said
_SILENT = 1e-4


class PocketsphinxRecogniser:
    """Free recognition over a challenge list, or over general English for any other phrase."""

    def __init__(self) -> None:
        self._lock = Lock()  # a decoder holds one utterance
        self._decoders: dict[tuple[str, ...], Decoder] = {}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the acoustic model's largest file."""
        return file_digest(model_folder() / _ACOUSTIC_MODEL)

    def prepare(self, vocabulary: Vocabulary) -> None:
        """Make the search over `vocabulary` now, not when it is first asked for."""
        with self._lock:
            self._decoder(vocabulary.words)

    def transcribe(self, samples: FloatArray, vocabulary: Vocabulary) -> Transcript:
        """Return what is said in `samples`.

        Parameters
        ----------
        samples : float32 (N,)
            Mono at 16 kHz, trimmed to the speech.
        """
        peak = float(np.abs(samples).max(initial=0.0))
        if peak < _SILENT:
            return Transcript((), 0.0, "no_speech")
        if vocabulary.language != _LANGUAGE:
            return Transcript((), 0.0, "language_not_supported")
        dither_db = _OPEN_DITHER_DB if vocabulary.is_open else _LIST_DITHER_DB
        with self._lock:
            decoder = self._decoder(vocabulary.words)
            decoder.reinit_feat()  # the noise estimate would go on from the recording before
            decoder.start_utt()
            decoder.process_raw(_pcm(samples, peak, dither_db), full_utt=True)
            decoder.end_utt()
            found = decoder.hyp()
        words = normalise(found.hypstr, _LANGUAGE) if found else ()
        if not words:
            return Transcript((), 0.0, "nothing_understood")
        return Transcript(words, min(1.0, max(0.0, float(found.prob))))

    def _decoder(self, words: tuple[str, ...]) -> Decoder:
        if words not in self._decoders:
            self._decoders[words] = _list_decoder(words) if words else _open_decoder()
        return self._decoders[words]


def _open_decoder() -> Decoder:
    """Return a decoder for general English: the wheel's dictionary and trigrams."""
    from pocketsphinx import Decoder

    return Decoder(loglevel="FATAL")


def _list_decoder(words: tuple[str, ...]) -> Decoder:
    """Return a decoder in which each word of the list is as likely as any other.

    It has a dictionary of its own: with the wheel's 130,000 words it takes half a minute to start.
    """
    unknown = [word for word in words if not pronunciations(word)]
    if unknown:
        msg = f"pocketsphinx has no pronunciation for {', '.join(unknown)}; leave them out"
        raise ValueError(msg)
    from pocketsphinx import Decoder

    with tempfile.TemporaryDirectory() as folder:
        model, dictionary = Path(folder) / "list.arpa", Path(folder) / "list.dict"
        model.write_text(_arpa(words), encoding="utf-8")
        dictionary.write_text(_dictionary(words), encoding="utf-8")
        return Decoder(
            lm=str(model), dict=str(dictionary), loglevel="FATAL", wip=_LIST_WORD_INSERTION
        )


def _dictionary(words: tuple[str, ...]) -> str:
    """Return the pronunciations of `words` in pocketsphinx' format: word, word(2), …"""
    return "".join(
        f"{word}{f'({k})' if k > 1 else ''} {' '.join(phones)}\n"
        for word in words
        for k, phones in enumerate(pronunciations(word), start=1)
    )


def _arpa(words: tuple[str, ...]) -> str:
    """Return a unigram model in ARPA format over `words` and the end of the sentence."""
    share = -log10(len(words) + 1)
    lines = [f"{share:.4f} {word}" for word in ("</s>", *words)]
    header = f"\\data\\\nngram 1={len(lines) + 1}\n\n\\1-grams:\n-99.0 <s>\n"
    return header + "\n".join(lines) + "\n\n\\end\\\n"


def _pcm(samples: FloatArray, peak: float, dither_db: float) -> bytes:
    """Return 16-bit samples at one level, with the dither that is the same every time."""
    level = samples * (_PEAK / peak)
    rms = float(np.sqrt(np.mean(np.square(level))))
    noise = np.random.default_rng(0).standard_normal(len(level)).astype(np.float32)
    mixed = level + noise * (rms * 10 ** (dither_db / 20))
    return bytes((np.clip(mixed, -1.0, 1.0) * 32767).astype("<i2").tobytes())
