"""What an applicant is asked to say and do, drawn afresh for every attempt."""

from __future__ import annotations

from random import SystemRandom

from layers.capture.types import Step
from layers.voice.challenge import draw_digits, draw_words
from service.tables import PhraseMode

# The neutral face comes first, as the reference that the other steps are measured against; the
# rest comes in an order that a recording of another session does not know.
_FIRST = (Step.NEUTRAL,)
_SHUFFLED = (Step.BLINK, Step.TURN_LEFT, Step.TURN_RIGHT, Step.SPEAK)
CAPTURE_STEPS = frozenset(_FIRST + _SHUFFLED)

_RANDOM = SystemRandom()


def draw_phrase(mode: PhraseMode, custom: str | None) -> str:
    """Return what the applicant is asked to say.

    Raises
    ------
    ValueError
        When the mode is custom and there is no custom phrase.
    """
    if mode is PhraseMode.CUSTOM:
        if not custom or not custom.strip():
            msg = "a workflow with a custom phrase needs one: set custom_phrase"
            raise ValueError(msg)
        return custom.strip()
    return draw_digits() if mode is PhraseMode.DIGITS else draw_words()


def draw_steps() -> list[str]:
    """Return the steps in the order in which they are asked for."""
    return [str(step) for step in (*_FIRST, *_RANDOM.sample(_SHUFFLED, len(_SHUFFLED)))]
