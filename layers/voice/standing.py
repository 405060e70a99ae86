"""How the voice detectors stand on this machine: in force, calibrated, and what they can't catch.

Nothing is loaded for it but the files' digests; the figures are those of the policy and of the
card that training wrote beside the weights.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from layers.voice.detector.combined import (
    DETECTORS,
    EMBEDDED,
    ENSEMBLE,
    combination,
    combination_in_force,
)
from layers.voice.detector.errors import DetectorFilesError, UncalibratedError
from layers.voice.detector.loading import DetectorFiles, digest_of
from verdict.policy import Policy, Source

CARD = Path(__file__).parent / "weights" / "embedded.json"
_GUESSED_FROM_PERCENT = 35.0  # 50 % is guessing; named apart from here on


class CalibrationState(StrEnum):
    """Whether the policy's calibration belongs to the weights at hand."""

    CALIBRATED = "calibrated"
    STALE = "calibrated with other weights"
    MISSING = "not calibrated"
    ABSENT = "not here"


@dataclass(frozen=True, slots=True)
class DetectorStanding:
    """One detector on this machine.

    Parameters
    ----------
    basis
        What the calibration rests on, as the policy says.
    problem
        Why it can't decide, and what to do; empty where it can.
    """

    name: str
    in_force: bool
    state: CalibrationState
    basis: str
    problem: str


def standings(policy: Policy, files: DetectorFiles) -> tuple[DetectorStanding, ...]:
    """Return every detector and the ensemble."""
    return tuple(standing(name, policy, files) for name in (*DETECTORS, ENSEMBLE))


def standing_in_force(policy: Policy, files: DetectorFiles) -> DetectorStanding:
    """Return the detector or ensemble that decides.

    Raises
    ------
    UncalibratedError
        When the policy names none that exists.
    """
    return standing(combination_in_force(policy).calibration.name, policy, files)


def limits_of_embedded(policy: Policy, card: Path = CARD) -> str:
    """Say what a deployment on the embedded detector alone can't catch; empty with another one."""
    if combination_in_force(policy).calibration.name != EMBEDDED:
        return ""
    basis = policy.entry(f"voice.detector.{EMBEDDED}.operating_score").basis
    text = f"the embedded detector decides alone. At its threshold: {basis}."
    figures = json.loads(card.read_text(encoding="utf-8")).get("held_out_sources", {})
    if "pooled" in figures:
        text += f" On sources it never heard: EER {_eer(figures['pooled'])}."
        guessed = [
            f"{name} {_eer(one)}"
            for name, one in sorted(figures.items(), key=lambda item: -item[1]["eer_percent"])
            if name != "pooled" and one["eer_percent"] >= _GUESSED_FROM_PERCENT
        ]
        if guessed:
            text += f" Hardly better than guessing (EER 50 %) on: {'; '.join(guessed)}."
    return f"{text} A deployment that relies on the voice layer should bring a stronger detector."


def limits_of_recogniser(whisper_checkpoint: Path | None) -> str:
    """Say what the bundled recogniser does to applicants; empty where Whisper hears the phrase."""
    if whisper_checkpoint is not None:
        return ""
    return (
        "the bundled recogniser hears the phrase: English only, and it does not understand some "
        "right phrases, which rule 2 rejects (docs/phrase.md). In production set "
        "BONAFIDE_WHISPER_CHECKPOINT."
    )


def standing(name: str, policy: Policy, files: DetectorFiles) -> DetectorStanding:
    """Return how one detector, or the ensemble, stands."""
    entry = policy.entry(f"voice.detector.{name}.operating_score")
    state, problem = _state(name, policy, files, entry.source)
    deciding = combination_in_force(policy)
    in_force = name in (deciding.calibration.name, *(one.name for one in deciding.members))
    return DetectorStanding(name, in_force, state, entry.basis, problem)


def _state(
    name: str, policy: Policy, files: DetectorFiles, source: Source
) -> tuple[CalibrationState, str]:
    try:
        chosen = combination(name, policy)
        chosen.check({member.name: digest_of(member.name, files) for member in chosen.members})
    except DetectorFilesError as error:
        return CalibrationState.ABSENT, str(error)
    except UncalibratedError as error:
        fitted = source is Source.MEASURED
        return CalibrationState.STALE if fitted else CalibrationState.MISSING, str(error)
    return CalibrationState.CALIBRATED, ""


def _eer(figures: dict[str, Any]) -> str:
    return (
        f"{figures['eer_percent']:.0f} % [{figures['low']:.0f}, {figures['high']:.0f}], "
        f"n {figures['n_bonafide']} + {figures['n_attack']}"
    )
