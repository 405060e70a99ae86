"""Draw words and the order of steps from the system's cryptographic source."""

from __future__ import annotations

from functools import cache
from importlib import resources
from random import SystemRandom

from layers.capture.types import Step
from service.tables import PhraseMode

N_WORDS = 3
N_DIGITS = 5

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
    if mode is PhraseMode.DIGITS:
        return " ".join(_RANDOM.choices("0123456789", k=N_DIGITS))
    return " ".join(_RANDOM.sample(words(), N_WORDS))


def draw_steps() -> list[str]:
    """Return the steps in the order in which they are asked for."""
    return [str(step) for step in (*_FIRST, *_RANDOM.sample(_SHUFFLED, len(_SHUFFLED)))]


@cache
def words() -> list[str]:
    """Return the word list: everyday words that the bundled recogniser knows."""
    return (resources.files("service.challenge") / "words.txt").read_text().split()
