"""Phrase match measured: recordings with a transcript against their own and against wrong words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from layers.capture.load import load_audio_only
from layers.capture.speech import energy_db, voice_activity
from layers.capture.types import SAMPLE_RATE_HZ, Audio, FloatArray
from layers.evaluation.manifest import BONA_FIDE, ManifestError, read_manifest
from layers.evaluation.phrase_trials import PhraseRow, Trial, wrong_phrases
from layers.voice.challenge import word_list
from layers.voice.normalise import normalise
from layers.voice.phrase import check_phrase
from layers.voice.pronunciation import pronunciations
from layers.voice.recogniser import Aligner, Recogniser, Transcript, Vocabulary
from verdict.error_rates import Interval, clopper_pearson
from verdict.policy import Policy

_SOUND_S = 3.0


@dataclass(frozen=True, slots=True)
class PhraseRate:
    """How often a phrase was accepted on one kind of material.

    Parameters
    ----------
    recordings, speakers, phrases
        What the `n` trials rest on: trials that share a recording are not independent, so the
        interval is as narrow as it looks only where n equals the recordings.
    """

    group: str
    trial: Trial
    accepted: int
    n: int
    recordings: int
    speakers: int
    phrases: int

    @property
    def interval(self) -> Interval:
        """Exact 95 % interval of the accept rate over the trials."""
        return clopper_pearson(self.accepted, self.n)


@dataclass(frozen=True, slots=True)
class PhraseTable:
    """Accept rates per group and trial, for one recogniser."""

    recogniser: str
    seed: int
    rates: tuple[PhraseRate, ...]


def phrase_rows(manifest: Path, where: Mapping[str, str] | None = None) -> list[PhraseRow]:
    """Return the recordings of a manifest that hold a whole transcript.

    Raises
    ------
    ManifestError
        When the manifest can't be used or has no such row.
    """
    rows = [
        PhraseRow(
            file=manifest.parent / row["path"],
            text=row["text"],
            language=row.get("language", "") or "en",
            group=_group(row),
            speaker=row.get("speaker", ""),
        )
        for row in read_manifest(manifest, where)
        if "phrase" in row.get("use", "") and row.get("truncated") == "0" and row.get("text")
    ]
    if not rows:
        msg = f"{manifest}: has no row with a whole transcript (use=…phrase…, truncated=0, text)"
        raise ManifestError(msg)
    return rows


def common_vocabulary(rows: Sequence[PhraseRow]) -> tuple[str, ...]:
    """Return every word on the recordings and on the English challenge list.

    A recording whose words are on no list is heard among these as a challenge is among its list:
    the recogniser does not know which of the phrases is on it.
    """
    spoken = {word for row in rows if row.language == "en" for word in normalise(row.text)}
    return tuple(sorted(word for word in spoken | set(word_list()) if pronunciations(word)))


def evaluate_phrase(
    rows: Sequence[PhraseRow],
    recogniser: Recogniser,
    policy: Policy,
    seed: int = 0,
    done: Callable[[], None] = lambda: None,
    vocabulary: tuple[str, ...] = (),
) -> PhraseTable:
    """Cross every recording with right and wrong phrases.

    Parameters
    ----------
    vocabulary
        Words to listen for in place of general English (see `common_vocabulary`).
    seed
        Of the draw of wrong phrases and of the noise: the same seed, the same table.
    done
        Called after each recording, for a progress bar.
    """
    draw = np.random.default_rng(seed)
    outcomes: list[tuple[PhraseRow, Trial, str, bool]] = []
    for row in rows:
        audio = load_audio_only(row.file).audio
        listening = _Remembering(recogniser, vocabulary)
        trials = (((Trial.RIGHT, row.text),), wrong_phrases(row, rows, draw))
        for trial, phrase in (pair for pairs in trials for pair in pairs):
            result = check_phrase(audio, phrase, row.language, listening, policy)
            outcomes.append((row, trial, phrase, result.matched))
        done()
    outcomes.extend(_without_speech(rows, recogniser, policy, seed))
    return PhraseTable(recogniser.name, seed, tuple(_summary(outcomes)))


class _Remembering:
    """Transcribes one recording once per vocabulary: the words asked change nothing in it.

    With `words`, a phrase from no list is heard as a phrase of these.
    """

    def __init__(self, recogniser: Recogniser, words: tuple[str, ...] = ()) -> None:
        self.name, self._inner, self._words = recogniser.name, recogniser, words
        self._heard: dict[Vocabulary, Transcript] = {}

    @property
    def digest(self) -> str:
        return self._inner.digest

    def transcribe(self, samples: FloatArray, vocabulary: Vocabulary) -> Transcript:
        if vocabulary.is_open:
            length = vocabulary.length if self._words else 0
            name = "evaluation" if self._words else vocabulary.name
            vocabulary = Vocabulary(name, vocabulary.language, self._words, length)
        if vocabulary not in self._heard:
            self._heard[vocabulary] = self._inner.transcribe(samples, vocabulary)
        return self._heard[vocabulary]

    def misfit(self, samples: FloatArray, words: tuple[str, ...]) -> float:
        return self._inner.misfit(samples, words) if isinstance(self._inner, Aligner) else 0.0


def _without_speech(
    rows: Sequence[PhraseRow], recogniser: Recogniser, policy: Policy, seed: int
) -> Iterator[tuple[PhraseRow, Trial, str, bool]]:
    generator = np.random.default_rng(seed)
    time = np.arange(round(_SOUND_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    for row in {row.text: row for row in rows}.values():
        level = generator.uniform(0.01, 0.3)
        mains = generator.choice([50.0, 60.0])
        sounds = {
            Trial.SILENCE: np.zeros(len(time)),
            Trial.NOISE: level * generator.standard_normal(len(time)),
            Trial.HUM: level * sum(np.sin(2 * np.pi * mains * k * time) / k for k in (1, 2, 3)),
        }
        for trial, sound in sounds.items():
            audio = _audio(np.clip(sound, -1.0, 1.0).astype(np.float32))
            matched = check_phrase(audio, row.text, row.language, recogniser, policy).matched
            yield row, trial, row.text, matched


def _audio(samples: FloatArray) -> Audio:
    level, hop_s = energy_db(samples)
    return Audio(samples, voice_activity(samples), level, hop_s)


def _summary(outcomes: Iterable[tuple[PhraseRow, Trial, str, bool]]) -> Iterator[PhraseRate]:
    grouped: dict[tuple[str, Trial], list[tuple[PhraseRow, str, bool]]] = {}
    for row, trial, phrase, matched in outcomes:
        for group in (row.group, "all"):
            grouped.setdefault((group, trial), []).append((row, phrase, matched))
    for (group, trial), found in sorted(grouped.items()):
        yield PhraseRate(
            group=group,
            trial=trial,
            accepted=sum(matched for _, _, matched in found),
            n=len(found),
            recordings=len({row.file for row, _, _ in found}),
            speakers=len({row.speaker for row, _, _ in found if row.speaker}),
            phrases=len({phrase for _, phrase, _ in found}),
        )


def _group(row: Mapping[str, str]) -> str:
    kind = "real" if row.get("label") == BONA_FIDE else "synthetic"
    return " ".join(filter(None, (kind, row.get("source"), row.get("original_sample_rate"))))
