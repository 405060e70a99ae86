"""Which detectors are in force and what they say together; all of it is read from the policy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from layers.voice.detector.errors import UncalibratedError
from verdict.calibration import logistic_at
from verdict.policy import Policy

EMBEDDED = "embedded"
AASIST = "aasist"
AASIST_L = "aasist-l"
TRANSFORMERS = "transformers"
ENSEMBLE = "ensemble"
DETECTORS = (EMBEDDED, AASIST, AASIST_L, TRANSFORMERS)

_IN_FORCE = "voice.detector.in_force"


@dataclass(frozen=True, slots=True)
class Calibration:
    """How the raw score of one detector becomes `p_attack`.

    Parameters
    ----------
    slope, operating_score
        See `verdict.calibration.logistic_at`.
    operating_p
        Where the operating score falls: the policy's voice threshold as a probability.
    weights
        SHA-256 of the weights that the two numbers were fitted with.
    """

    name: str
    slope: float
    operating_score: float
    operating_p: float
    weights: str

    def p_attack(self, score: float) -> float:
        """Return the calibrated risk of a raw score."""
        return logistic_at(score, self.slope, self.operating_score, self.operating_p)

    def log_odds(self, score: float) -> float:
        """Return the log-odds of bona fide; zero at the operating score."""
        return self.slope * (score - self.operating_score)


@dataclass(frozen=True, slots=True)
class Member:
    """A detector and its share of the mean."""

    calibration: Calibration
    share: float

    @property
    def name(self) -> str:
        """Name of the detector."""
        return self.calibration.name


@dataclass(frozen=True, slots=True)
class Combination:
    """One detector, or the mean of several in calibrated log-odds with a calibration of its own."""

    calibration: Calibration
    members: tuple[Member, ...]

    @property
    def is_ensemble(self) -> bool:
        """Whether more than one detector decides."""
        return self.calibration.name == ENSEMBLE

    def score(self, scores: Mapping[str, float]) -> float:
        """Return the combined raw score, higher = more bona fide.

        Parameters
        ----------
        scores
            Raw score of each member by name.
        """
        if not self.is_ensemble:
            return scores[self.calibration.name]
        total = sum(member.share for member in self.members)
        odds = (
            member.share * member.calibration.log_odds(scores[member.name])
            for member in self.members
        )
        return sum(odds) / total

    def check(self, digests: Mapping[str, str]) -> None:
        """Refuse a calibration that was not made with the weights at hand.

        Parameters
        ----------
        digests
            SHA-256 of the loaded weights by detector.

        Raises
        ------
        UncalibratedError
            When one does not match; the message says what to run.
        """
        for member in self.members:
            _check_one(member.calibration, digests[member.name])
        if self.is_ensemble:
            _check_one(self.calibration, ensemble_digest(self.members))


def combination_in_force(policy: Policy) -> Combination:
    """Return what the policy puts in force."""
    return combination(policy.text(_IN_FORCE), policy)


def combination(name: str, policy: Policy) -> Combination:
    """Return the detector `name`, or the ensemble, as the policy calibrates it.

    Raises
    ------
    UncalibratedError
        When there is no such detector, or the ensemble has fewer than two members.
    """
    calibration = calibration_of(name, policy)
    if name != ENSEMBLE:
        return Combination(calibration, (Member(calibration, 1.0),))
    shares = {one: policy.number(f"voice.detector.{ENSEMBLE}.share.{one}") for one in DETECTORS}
    members = tuple(
        Member(calibration_of(one, policy), share) for one, share in shares.items() if share > 0
    )
    if len(members) < 2:
        msg = (
            "the ensemble needs two members or more: give detectors a share above 0 "
            f"(policy entries voice.detector.{ENSEMBLE}.share.NAME)"
        )
        raise UncalibratedError(msg)
    return Combination(calibration, members)


def calibration_of(name: str, policy: Policy) -> Calibration:
    """Return the policy's calibration of one detector or of the ensemble."""
    if name not in (*DETECTORS, ENSEMBLE):
        known = ", ".join((*DETECTORS, ENSEMBLE))
        msg = f"there is no voice detector '{name}'; the policy can choose from {known}"
        raise UncalibratedError(msg)
    entry = f"voice.detector.{name}"
    return Calibration(
        name,
        slope=policy.number(f"{entry}.slope"),
        operating_score=policy.number(f"{entry}.operating_score"),
        operating_p=policy.number("verdict.voice_threshold") / 100,
        weights=policy.text(f"{entry}.weights"),
    )


def ensemble_digest(members: tuple[Member, ...]) -> str:
    """Return the SHA-256 of what an ensemble's score depends on: weights, calibrations, shares."""
    lines = [
        f"{one.name} {one.calibration.weights} {one.calibration.slope!r} "
        f"{one.calibration.operating_score!r} {one.share!r}\n"
        for one in members
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _check_one(calibration: Calibration, digest: str) -> None:
    if calibration.weights == digest:
        return
    msg = (
        f"the voice detector '{calibration.name}' is not calibrated: its weights are "
        f"{digest[:12]}, the policy was fitted with {calibration.weights[:12]}; run "
        f"`python -m layers.voice.calibrate MANIFEST --detector {calibration.name}`"
    )
    raise UncalibratedError(msg)
