"""Same-speaker and different-speaker pairs of labelled recordings, and the errors at a cosine."""

from __future__ import annotations

import csv
import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from layers.capture.load import load_audio_only
from layers.capture.types import FloatArray
from layers.voice.speaker.protocol import SpeakerEncoder
from layers.voice.speaker.similarity import cosine, levelled
from layers.voice.speaker.speech import speech_only
from verdict.error_rates import Interval, Rate

# Labels that number people. The others of the manifest number demo items: one label may stand
# for a source and a target speaker, and two labels for one person.
PEOPLE = re.compile(r"(libri|mls|mlspt|voice)-\d+|vctk-[23]\d\d|ljspeech")
ACTORS = re.compile(r"(emodb|ravdess)-\d+")  # acted emotions: reported apart

_SAME_RECORDING = 0.97  # demo pages show one recording twice; such a pair says nothing
_MOST_PAIRS = 20  # of one speaker, so that a few do not decide
_SHORTEST_SAMPLES = 8000  # half a second of speech
_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording: who, from which collection, and the embeddings of its stretches."""

    part: str
    speaker: str
    source: str
    path: str
    partials: FloatArray

    @property
    def embedding(self) -> FloatArray:
        """The mean embedding; its length does not matter to a cosine."""
        mean: FloatArray = self.partials.mean(axis=0)
        return mean


@dataclass(frozen=True, slots=True)
class Trials:
    """Levelled cosines of pairs, by speaker and by pair of speakers."""

    same: Mapping[str, tuple[float, ...]]
    different: Mapping[tuple[str, str], tuple[float, ...]]

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody in a pair of either kind."""
        return tuple(sorted({*self.same, *(one for pair in self.different for one in pair)}))

    def false_matches(self, score: float) -> Rate:
        """Return the share of different-speaker pairs at or above a cosine."""
        return _count(list(self.different.values()), lambda one: one >= score)

    def false_non_matches(self, score: float) -> Rate:
        """Return the share of same-speaker pairs below a cosine."""
        return _count(list(self.same.values()), lambda one: one < score)


def read_recordings(
    manifest: Path, encoder: SpeakerEncoder, people: re.Pattern[str], label: str = "bonafide"
) -> list[Recording]:
    """Embed the recordings of labelled people: real ones, or synthetic ones of their voice."""
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["label"] == label
            and row["use"] != "phrase_only"
            and people.fullmatch(row["speaker"])
        ]
    elsewhere = {row["speaker"] for row in rows if row["split"] != "train"}
    found = []
    for row in rows:
        audio = load_audio_only(manifest.parent / row["path"]).audio
        speech = None if audio is None else speech_only(audio)
        if speech is None or len(speech) < _SHORTEST_SAMPLES:
            continue
        part = part_of(row["split"], row["speaker"], row["speaker"] in elsewhere)
        found.append(
            Recording(
                part, row["speaker"], row["source"], row["path"], encoder.embed_partials(speech)
            )
        )
    return found


def part_of(split: str, speaker: str, elsewhere: bool) -> str:
    """Return ``fit`` or ``held`` for half of the train speakers each, else the split's name.

    A train speaker who is in another split too belongs to neither half: ``shared``.
    """
    if split != "train":
        return split
    if elsewhere:
        return "shared"
    return "held" if _number(speaker) % 2 else "fit"


def shared_score(recordings: Sequence[Recording]) -> float:
    """Return the mean cosine of stretches from two recordings of one person, over people."""
    by_speaker: dict[str, list[float]] = defaultdict(list)
    for one, other in combinations(recordings, 2):
        is_pair = one.speaker == other.speaker
        if is_pair and cosine(one.embedding, other.embedding) < _SAME_RECORDING:
            by_speaker[one.speaker].append(float(np.mean(one.partials @ other.partials.T)))
    return float(np.mean([np.mean(scores) for scores in by_speaker.values()]))


def trials_of(recordings: Sequence[Recording], shared: float) -> Trials:
    """Pair the recordings: same speaker across all sources, different speakers within one source.

    Within a source the channel is alike, so that a different channel can't pass for a different
    voice.
    """
    same: dict[str, list[tuple[int, float]]] = defaultdict(list)
    different: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one, other in combinations(recordings, 2):
        if one.speaker == other.speaker:
            if cosine(one.embedding, other.embedding) < _SAME_RECORDING:
                score = _score(one, other, shared)
                same[one.speaker].append((_number(one.path + other.path), score))
        elif one.source == other.source:
            pair = (min(one.speaker, other.speaker), max(one.speaker, other.speaker))
            different[pair].append(_score(one, other, shared))
    kept = {
        who: tuple(score for _, score in sorted(all_)[:_MOST_PAIRS]) for who, all_ in same.items()
    }
    return Trials(kept, {pair: tuple(scores) for pair, scores in different.items()})


def _score(one: Recording, other: Recording, shared: float) -> float:
    stretches = (len(one.partials), len(other.partials))
    return levelled(cosine(one.embedding, other.embedding), stretches, shared)


def clones_of(
    recordings: Sequence[Recording], synthetic: Sequence[Recording], shared: float
) -> Trials:
    """Pair each synthetic recording with a real one of its voice: none of them should match."""
    real: dict[str, list[Recording]] = defaultdict(list)
    for one in sorted(recordings, key=lambda one: _number(one.path)):
        real[one.speaker].append(one)
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    for clone in synthetic:
        if of := real.get(clone.speaker):
            original = of[_number(clone.path) % len(of)]
            scores[clone.speaker, clone.speaker].append(_score(original, clone, shared))
    return Trials({}, {pair: tuple(found) for pair, found in scores.items()})


def joined(recordings: Sequence[Recording]) -> list[Recording]:
    """Join two recordings of a speaker and source each to one of about 6 s; an odd one is left."""
    groups: dict[tuple[str, str], list[Recording]] = defaultdict(list)
    for one in sorted(recordings, key=lambda one: one.path):
        groups[one.speaker, one.source].append(one)
    made = []
    for group in groups.values():
        for one, other in zip(group[::2], group[1::2], strict=False):
            both = np.concatenate((one.partials, other.partials))
            made.append(
                Recording(one.part, one.speaker, one.source, f"{one.path}+{other.path}", both)
            )
    return made


def interval_by_speaker(trials: Trials, score: float, *, same: bool) -> Interval:
    """Return the 95 % interval of an error rate when speakers, not pairs, are drawn again."""
    people = {who: index for index, who in enumerate(trials.people)}
    errors, counts = (np.zeros((len(people), len(people))) for _ in range(2))
    if same:
        for who, scores in trials.same.items():
            errors[people[who], people[who]] = sum(one < score for one in scores)
            counts[people[who], people[who]] = len(scores)
    else:
        for (one, other), scores in trials.different.items():
            errors[people[one], people[other]] = sum(value >= score for value in scores)
            counts[people[one], people[other]] = len(scores)
    return _interval(errors, counts)


def _interval(errors: npt.NDArray[np.float64], counts: npt.NDArray[np.float64]) -> Interval:
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(errors), np.full(len(errors), 1 / len(errors)), _RESAMPLES)
    rates = []
    for times in drawn.astype(np.float64):
        weight = np.outer(times, times)
        np.fill_diagonal(weight, times)  # a pair within one person comes with that person once
        total = float((weight * counts).sum())
        if total > 0:
            rates.append(float((weight * errors).sum()) / total)
    low, high = np.percentile(rates, [2.5, 97.5])
    return float(low), float(high)


def _count(groups: Sequence[Sequence[float]], is_error: Callable[[float], bool]) -> Rate:
    scores = [score for group in groups for score in group]
    return Rate(sum(map(is_error, scores)), len(scores))


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
