"""What an applicant is asked to say and do, drawn afresh for every attempt.

Only what the recogniser in use can hear is asked: with the bundled one that is English.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import SystemRandom

from layers.capture.types import Step
from layers.voice.challenge import N_WORDS, draw_digits, draw_words, word_list
from layers.voice.normalise import normalise
from layers.voice.numerals import digit_words
from layers.voice.pronunciation import dictionary
from service.settings import Settings
from service.tables import PhraseMode, Workflow

# The neutral face comes first, as the reference that the other steps are measured against; the
# rest comes in an order that a recording of another session does not know.
_FIRST = (Step.NEUTRAL,)
_SHUFFLED = (Step.BLINK, Step.TURN_LEFT, Step.TURN_RIGHT, Step.SPEAK)

_RANDOM = SystemRandom()
_BUNDLED_LANGUAGE = "en"
_MAX_CUSTOM_WORDS = 10


class ChallengeError(ValueError):
    """A workflow asks for something that can't be said or heard; the message says what to set."""


@dataclass(frozen=True, slots=True)
class PhraseRecipe:
    """What a workflow asks its applicants to say.

    Parameters
    ----------
    custom
        The phrase of the mode ``custom``.
    language
        ISO 639-1.
    """

    mode: PhraseMode = PhraseMode.WORDS
    custom: str | None = None
    language: str = _BUNDLED_LANGUAGE

    def check(self, *, has_whisper: bool) -> None:
        """Refuse what the recogniser in use can't hear.

        Raises
        ------
        ChallengeError
            With what to set instead.
        """
        if not has_whisper and self.language != _BUNDLED_LANGUAGE:
            msg = (
                f"challenge language '{self.language}': the bundled recogniser hears English only; "
                "set 'en', or BONAFIDE_WHISPER_CHECKPOINT"
            )
            raise ChallengeError(msg)
        if self.mode is PhraseMode.CUSTOM:
            self._check_custom(has_whisper=has_whisper)
        elif self.mode is PhraseMode.DIGITS and not digit_words(self.language):
            msg = f"no digits in language '{self.language}'; set a custom phrase"
            raise ChallengeError(msg)
        elif self.mode is PhraseMode.WORDS and len(word_list(self.language)) < N_WORDS:
            msg = f"no list of words in language '{self.language}'; set digits or a custom phrase"
            raise ChallengeError(msg)

    def draw(self) -> str:
        """Return what one applicant is asked to say."""
        if self.mode is PhraseMode.CUSTOM:
            return (self.custom or "").strip()
        if self.mode is PhraseMode.DIGITS:
            return draw_digits()
        return draw_words(language=self.language)

    def _check_custom(self, *, has_whisper: bool) -> None:
        words = normalise(self.custom or "", self.language)
        if not 1 <= len(words) <= _MAX_CUSTOM_WORDS:
            msg = f"a custom phrase has 1 to {_MAX_CUSTOM_WORDS} words that can be said"
            raise ChallengeError(msg)
        known = dictionary().keys() | set(word_list(self.language))
        if not has_whisper and not known >= set(words):
            msg = (
                "custom phrase: the bundled recogniser does not know every word of it; "
                "take common English words, or set BONAFIDE_WHISPER_CHECKPOINT"
            )
            raise ChallengeError(msg)


def recipe_of(workflow: Workflow) -> PhraseRecipe:
    """Return what `workflow` asks for.

    Raises
    ------
    ChallengeError
        When its mode is not one that there is.
    """
    try:
        mode = PhraseMode(workflow.phrase_mode)
    except ValueError:
        msg = f"phrase_mode must be one of {', '.join(PhraseMode)}"
        raise ChallengeError(msg) from None
    return PhraseRecipe(mode, workflow.custom_phrase, workflow.language)


def recipe_of_settings(settings: Settings) -> PhraseRecipe:
    """Return what the settings ask for in the default workflow."""
    mode = PhraseMode(settings.phrase_mode)
    return PhraseRecipe(mode, settings.custom_phrase, settings.challenge_language)


def draw_steps() -> list[str]:
    """Return the steps in the order in which they are asked for."""
    return [str(step) for step in (*_FIRST, *_RANDOM.sample(_SHUFFLED, len(_SHUFFLED)))]
