"""What was asked of the applicant, and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """What the applicant was asked to do while a frame was taken."""

    NEUTRAL = "neutral"
    BLINK = "blink"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    SPEAK = "speak"


@dataclass(frozen=True, slots=True)
class Prompt:
    """When a step was asked for, in seconds of the capture's own clock."""

    step: Step
    t_s: float


@dataclass(frozen=True, slots=True)
class Challenge:
    """What was asked. Empty for plain media analysis.

    Parameters
    ----------
    phrase
        The words to say, as shown; None where none was asked.
    mirrored
        True when the frames were stored as in a mirror.
    """

    phrase: str | None = None
    prompts: tuple[Prompt, ...] = ()
    mirrored: bool = False
    language: str = "en"

    @property
    def steps(self) -> frozenset[Step]:
        """The steps that were asked for."""
        return frozenset(prompt.step for prompt in self.prompts)
