"""Whether the asked words were said: what was heard freely is compared with them, in order."""

from __future__ import annotations

from layers.capture.types import SAMPLE_RATE_HZ, Audio, FloatArray
from layers.voice.challenge import vocabulary_of
from layers.voice.normalise import by_digits, normalise
from layers.voice.recogniser import Recogniser
from layers.voice.sound_match import words_that_differ
from verdict.evidence import PhraseResult
from verdict.policy import Policy

_MARGIN_S = 0.25  # breath and plosives around what the voice-activity gate took for speech


def check_phrase(
    audio: Audio | None, phrase: str, language: str, recogniser: Recogniser, policy: Policy
) -> PhraseResult:
    """Transcribe the speech and compare it with `phrase`.

    The recogniser gets the samples and the vocabulary of the challenge, never the words.
    """
    expected = normalise(phrase, language)
    if audio is None or not audio.speech:
        reason = "no_audio" if audio is None else "no_speech"
        return _failed(expected, recogniser.name, reason)
    vocabulary = vocabulary_of(expected, language)
    part, _ = speech_part(audio)
    transcript = recogniser.transcribe(part, vocabulary)
    if not transcript.words:
        return _failed(expected, recogniser.name, transcript.reason)
    return match(expected, transcript.words, language, recogniser.name, policy)


def match(
    expected: tuple[str, ...],
    heard: tuple[str, ...],
    language: str,
    recogniser: str,
    policy: Policy,
) -> PhraseResult:
    """Compare normalised words, in order.

    A word counts as said when it sounds like what was heard in its place (entry
    ``voice.phrase.sound_tolerance``); ``voice.phrase.word_tolerance`` is the share of words that
    may be wrong, rounded down.
    """
    tolerance = int(policy.number("voice.phrase.word_tolerance") * len(expected))
    sound = policy.number("voice.phrase.sound_tolerance")
    distance = min(
        words_that_differ(expected, heard, sound),
        words_that_differ(by_digits(expected, language), by_digits(heard, language), 0.0),
    )
    # A phrase without a word in it can't be said.
    matched = bool(expected) and distance <= tolerance
    reason = "" if matched else "other_words"
    return PhraseResult(matched, expected, heard, distance, tolerance, recogniser, reason)


def speech_part(audio: Audio, margin_s: float = _MARGIN_S) -> tuple[FloatArray, float]:
    """Return the samples from the first to the last speech, `margin_s` around, and their start."""
    first = max(0.0, audio.speech[0][0] - margin_s)
    last = audio.speech[-1][1] + margin_s
    start = round(first * SAMPLE_RATE_HZ)
    return audio.samples[start : round(last * SAMPLE_RATE_HZ)], start / SAMPLE_RATE_HZ


def _failed(expected: tuple[str, ...], recogniser: str, reason: str) -> PhraseResult:
    return PhraseResult(False, expected, (), len(expected), 0, recogniser, reason)
