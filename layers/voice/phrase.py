"""Whether the asked words were said: what was heard freely is compared with them, in order."""

from __future__ import annotations

from dataclasses import replace

from layers.capture.types import SAMPLE_RATE_HZ, Audio, FloatArray
from layers.voice.challenge import vocabulary_of
from layers.voice.normalise import by_digits, normalise
from layers.voice.recogniser import Aligner, Recogniser, Transcript
from layers.voice.sound_match import words_that_differ, words_unlike
from verdict.policy import Policy
from verdict.voice_evidence import PhraseResult

_MARGIN_S = 0.25  # breath and plosives around what the voice-activity gate took for speech


def check_phrase(
    audio: Audio | None, phrase: str, language: str, recogniser: Recogniser, policy: Policy
) -> PhraseResult:
    """Transcribe the speech and compare it with `phrase`.

    The recogniser gets the samples and the vocabulary of the challenge, never the words. Where
    free recognition found them, an aligner may veto that (entry ``voice.phrase.misfit_limit``).
    """
    expected = normalise(phrase, language)
    if audio is None or not audio.speech:
        reason = "no_audio" if audio is None else "no_speech"
        return _failed(expected, recogniser.name, reason)
    vocabulary = vocabulary_of(expected, language)
    part, _ = speech_part(audio)
    transcript = recogniser.transcribe(part, vocabulary)
    if not transcript.words and not transcript.sounds:
        return _failed(expected, recogniser.name, transcript.reason)
    heard = (transcript.words, *transcript.others)
    results = [match(expected, words, language, recogniser.name, policy) for words in heard]
    results.append(_match_sounds(expected, transcript, results[0], policy))
    found = next((result for result in results if result.matched), None)
    if found is None:
        return results[0]
    return _unless_vetoed(found, part, recogniser, policy)


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


def _match_sounds(
    expected: tuple[str, ...], transcript: Transcript, first: PhraseResult, policy: Policy
) -> PhraseResult:
    """Compare what was heard with no word in mind: no lexicon decided which sounds there are."""
    sound = policy.number("voice.phrase.sound_tolerance")
    distance = words_unlike(expected, transcript.sounds, sound)
    if not expected or distance > first.tolerance:
        return first
    return replace(first, matched=True, distance=distance, reason="by_sounds")


def _unless_vetoed(
    found: PhraseResult, samples: FloatArray, recogniser: Recogniser, policy: Policy
) -> PhraseResult:
    """Lay the asked words over the sound; where they do not lie on it, the match is withdrawn."""
    limit = policy.number("voice.phrase.misfit_limit")
    if not isinstance(recogniser, Aligner):
        return found
    if recogniser.misfit(samples, found.expected) <= limit:
        return found
    return replace(found, matched=False, distance=len(found.expected), reason="other_sounds")


def _failed(expected: tuple[str, ...], recogniser: str, reason: str) -> PhraseResult:
    return PhraseResult(False, expected, (), len(expected), 0, recogniser, reason)
