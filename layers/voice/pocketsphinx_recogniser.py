"""The bundled recogniser: pocketsphinx with the US English model of its wheel."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
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
_PEAK = 0.7
# Band-limited sound leaves the upper mel bands empty, which the acoustic model takes for other
# phones; noise 30 dB below the speech fills them (chosen on train and dev, docs/phrase.md).
_DITHER_DB = -30.0
_WORD_INSERTION = 0.05
_SILENT = 1e-4


class PocketsphinxRecogniser:
    """Free recognition over a challenge list, or over general English for any other phrase.

    Parameters
    ----------
    vocabularies
        Lists whose search is prepared at once; others are prepared when first asked for.
    """

    name = "pocketsphinx-en-us"

    def __init__(self, vocabularies: Iterable[Vocabulary] = ()) -> None:
        from pocketsphinx import Decoder

        self._lock = Lock()  # a decoder holds one utterance
        self._decoder: Decoder = Decoder(loglevel="FATAL", wip=_WORD_INSERTION)
        self._open = self._decoder.current_search()
        self._prepared: set[Vocabulary] = set()
        for vocabulary in vocabularies:
            self._search_for(vocabulary)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the acoustic model's largest file."""
        return file_digest(model_folder() / _ACOUSTIC_MODEL)

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
        with self._lock:
            self._decoder.activate_search(self._search_for(vocabulary))
            self._decoder.start_utt()
            self._decoder.process_raw(_pcm(samples, peak), full_utt=True)
            self._decoder.end_utt()
            found = self._decoder.hyp()
        words = normalise(found.hypstr, "en") if found else ()
        if not words:
            return Transcript((), 0.0, "nothing_understood")
        return Transcript(words, min(1.0, max(0.0, float(found.prob))))

    def _search_for(self, vocabulary: Vocabulary) -> str:
        if vocabulary.is_open:
            return str(self._open)
        search = f"{vocabulary.language}-{vocabulary.name}"
        if vocabulary not in self._prepared:
            self._add_list(search, vocabulary)
            self._prepared.add(vocabulary)
        return search

    def _add_list(self, search: str, vocabulary: Vocabulary) -> None:
        """Prepare a search in which each word of the list is as likely as any other."""
        unknown = [word for word in vocabulary.words if not pronunciations(word)]
        if unknown:
            msg = f"pocketsphinx has no pronunciation for {', '.join(unknown)}; leave them out"
            raise ValueError(msg)
        from pocketsphinx import NGramModel

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "list.arpa"
            path.write_text(_arpa(vocabulary.words), encoding="utf-8")
            decoder = self._decoder
            model = NGramModel(decoder.config, decoder.logmath, str(path))
            decoder.add_lm(search, model)


def _arpa(words: tuple[str, ...]) -> str:
    """Return a unigram model in ARPA format over `words` and the end of the sentence."""
    share = -log10(len(words) + 1)
    lines = [f"{share:.4f} {word}" for word in ("</s>", *words)]
    header = f"\\data\\\nngram 1={len(lines) + 1}\n\n\\1-grams:\n-99.0 <s>\n"
    return header + "\n".join(lines) + "\n\n\\end\\\n"


def _pcm(samples: FloatArray, peak: float) -> bytes:
    """Return 16-bit samples at one level, with the dither that is the same every time."""
    level = samples * (_PEAK / peak)
    rms = float(np.sqrt(np.mean(np.square(level))))
    noise = np.random.default_rng(0).standard_normal(len(level)).astype(np.float32)
    mixed = level + noise * (rms * 10 ** (_DITHER_DB / 20))
    return bytes((np.clip(mixed, -1.0, 1.0) * 32767).astype("<i2").tobytes())
