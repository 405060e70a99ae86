"""How far apart the words of a challenge list sound, and which the recogniser takes for others."""

from __future__ import annotations

import io
import subprocess
import wave
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from shutil import which
from statistics import median

import numpy as np
from scipy.signal import resample_poly

from layers.capture.speech import energy_db, voice_activity
from layers.capture.types import SAMPLE_RATE_HZ, Audio, FloatArray
from layers.voice.challenge import N_WORDS
from layers.voice.normalise import normalise
from layers.voice.phrase import speech_part
from layers.voice.pronunciation import closest, distance
from layers.voice.recogniser import Recogniser, Vocabulary
from verdict.error_rates import Interval, clopper_pearson

# Formant synthesis is no person: it finds words that are near for the recogniser, and its accept
# rates are no forecast.
VOICES = ("en-us", "en-gb+f3", "en-us+m3", "en-gb-scotland+f2")
_WORDS_PER_MINUTE = 140
_SPEAKER = "espeak-ng"
_ROOM_DB = -60.0  # a synthesiser's digital silence occurs in no recording
_TIMEOUT_S = 30


class NoSynthesiserError(RuntimeError):
    """The command espeak-ng is not installed; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two words and how much of the longer has to change for the other."""

    first: str
    second: str
    distance: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """One word heard in the place of another, and how often."""

    said: str
    heard: str
    times: int


@dataclass(frozen=True, slots=True)
class SpokenList:
    """What the recogniser made of synthetic phrases of the list.

    Parameters
    ----------
    words_right, words_said
        Over the phrases in which as many words were heard as said.
    """

    recogniser: str
    seed: int
    phrases_right: int
    phrases_said: int
    words_right: int
    words_said: int
    confusions: tuple[Confusion, ...]

    @property
    def interval(self) -> Interval:
        """Exact 95 % interval of the share of phrases heard word for word."""
        return clopper_pearson(self.phrases_right, self.phrases_said)


def pairs_by_distance(words: Sequence[str], language: str = "en") -> tuple[Pair, ...]:
    """Return every pair of `words`, the closest first.

    English by the phones of its dictionary; other languages by their letters, which is near the
    sound where spelling is (Spanish), and a guess where it is not.
    """
    between = closest if language == "en" else _by_letters
    pairs = (Pair(a, b, between(a, b)) for a, b in combinations(words, 2))
    return tuple(sorted(pairs, key=lambda pair: (pair.distance, pair.first, pair.second)))


def median_distance(pairs: Sequence[Pair]) -> float:
    """Return the median distance, or 0 without a pair."""
    return median(pair.distance for pair in pairs) if pairs else 0.0


def nearest_median(pairs: Sequence[Pair]) -> float:
    """Return the median over the words of the distance to the nearest other word."""
    nearest: dict[str, float] = {}
    for pair in pairs:
        for word in (pair.first, pair.second):
            nearest[word] = min(nearest.get(word, pair.distance), pair.distance)
    return median(nearest.values()) if nearest else 0.0


def speak_and_hear(
    vocabulary: Vocabulary,
    recogniser: Recogniser,
    rounds: int,
    seed: int,
    length: int = N_WORDS,
    done: Callable[[], None] = lambda: None,
) -> SpokenList:
    """Let each synthetic voice say every word of the list `rounds` times, in phrases.

    Raises
    ------
    NoSynthesiserError
        When espeak-ng is not installed.
    """
    draw = np.random.default_rng(seed)
    confused: Counter[tuple[str, str]] = Counter()
    right = said = words_right = words_said = 0
    for voice in VOICES:
        for phrase in _phrases(vocabulary.words, rounds, length, draw):
            samples = _in_a_room(speak(" ".join(phrase), voice), draw)
            heard = _hear(samples, vocabulary, len(phrase), recogniser)
            said += 1
            right += heard == phrase
            if len(heard) == len(phrase):
                words_said += len(phrase)
                words_right += sum(a == b for a, b in zip(phrase, heard, strict=True))
                confused.update((a, b) for a, b in zip(phrase, heard, strict=True) if a != b)
            done()
    confusions = tuple(Confusion(a, b, times) for (a, b), times in confused.most_common())
    return SpokenList(recogniser.name, seed, right, said, words_right, words_said, confusions)


def phrases_per_run(vocabulary: Vocabulary, rounds: int, length: int = N_WORDS) -> int:
    """Return how many phrases `speak_and_hear` says."""
    return len(VOICES) * rounds * (len(vocabulary.words) // length)


def speak(text: str, voice: str) -> FloatArray:
    """Return `text` in one of espeak-ng's voices: mono at 16 kHz.

    Raises
    ------
    NoSynthesiserError
        When the command is not installed.
    """
    program = which(_SPEAKER)
    if program is None:
        msg = "espeak-ng is not installed; install the Debian package espeak-ng, or leave it out"
        raise NoSynthesiserError(msg)
    command = [program, "-v", voice, "-s", str(_WORDS_PER_MINUTE), "--stdout", text]
    said = subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_S).stdout  # noqa: S603  # nosec B603
    with wave.open(io.BytesIO(said)) as sound:
        rate = sound.getframerate()
        pcm = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
    ratio = Fraction(SAMPLE_RATE_HZ, rate)
    samples = resample_poly(pcm / 32768.0, ratio.numerator, ratio.denominator)
    return np.asarray(samples, dtype=np.float32)


def _by_letters(first: str, second: str) -> float:
    return distance(tuple(first), tuple(second)) / max(len(first), len(second))


def _phrases(
    words: Sequence[str], rounds: int, length: int, draw: np.random.Generator
) -> list[tuple[str, ...]]:
    """Return phrases in which every word occurs once per round, but for a remainder."""
    phrases: list[tuple[str, ...]] = []
    for _ in range(rounds):
        order = [words[int(k)] for k in draw.permutation(len(words))]
        starts = range(0, len(order) - length + 1, length)
        phrases += [normalise(" ".join(order[k : k + length])) for k in starts]
    return phrases


def _hear(
    samples: FloatArray, vocabulary: Vocabulary, length: int, recogniser: Recogniser
) -> tuple[str, ...]:
    level, hop_s = energy_db(samples)
    audio = Audio(samples, voice_activity(samples), level, hop_s)
    if not audio.speech:
        return ()
    vocabulary = replace(vocabulary, length=length)
    return recogniser.transcribe(speech_part(audio)[0], vocabulary).words


def _in_a_room(samples: FloatArray, draw: np.random.Generator) -> FloatArray:
    noise = draw.standard_normal(len(samples)) * 10 ** (_ROOM_DB / 20)
    return np.asarray(np.clip(samples + noise, -1.0, 1.0), dtype=np.float32)
