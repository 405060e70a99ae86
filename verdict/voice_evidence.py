"""What the voice layer hands to the verdict: score, risk, windows, phrase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from verdict.measurement import Measurement, QualityFinding, require_unit


@dataclass(frozen=True, slots=True)
class WindowScore:
    """The synthetic-speech score of one stretch of audio (higher = more bona fide).

    Parameters
    ----------
    p_attack
        The score calibrated as that of a whole clip; None where the detector only scores.
    decided
        Whether it is one of those that put the clip over the threshold.
    """

    start_s: float
    end_s: float
    score: float
    p_attack: float | None = None
    decided: bool = False


@dataclass(frozen=True, slots=True)
class DetectorScore:
    """What one synthetic-speech detector says by itself: raw score and calibrated risk."""

    name: str
    score: float
    p_attack: float


@dataclass(frozen=True, slots=True)
class PhraseResult:
    """Whether the asked words were heard: words that were said and not understood are no match.

    Parameters
    ----------
    expected, heard
        Normalised words. They stay in the evidence and never reach a log.
    distance
        Edit distance in words between the two; `tolerance` is what was allowed.
    reason
        Why they do not match; ``by_sounds`` where they do and no search for words found them.
    """

    matched: bool
    expected: tuple[str, ...]
    heard: tuple[str, ...]
    distance: int
    tolerance: int
    recogniser: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VoiceResult:
    """The voice layer: synthetic-speech score, calibrated risk, phrase match.

    Parameters
    ----------
    score
        Raw score of the detector or ensemble in force, higher = more bona fide; None without
        speech.
    p_attack, confidence
        Both 0-1. The confidence is None only without audio and without a phrase to say.
    phrase
        None where no phrase was asked.
    windows
        Over time, on the scale of `score`; those of the ensemble's leading member.
    detectors
        Each detector that had a part in the score, with the score of its own.
    """

    score: float | None
    p_attack: float
    confidence: float | None
    phrase: PhraseResult | None = None
    windows: tuple[WindowScore, ...] = ()
    detectors: tuple[DetectorScore, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    findings: tuple[QualityFinding, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""

    def __post_init__(self) -> None:
        require_unit("voice p_attack", self.p_attack)
        if self.confidence is not None:
            require_unit("voice confidence", self.confidence)

    @property
    def word_match(self) -> bool | None:
        """Whether the phrase was heard; None where none was asked."""
        return None if self.phrase is None else self.phrase.matched
