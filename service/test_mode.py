"""Test mode: outcomes to order, for those who integrate the service and have no faces to send.

It takes three things that production has not: `BONAFIDE_ENVIRONMENT=test`, a database that was
made in that environment and can be used in no other, and a key of it (``bf_test_…``). The layers
are left out, the policy is not: what comes out is decided by the rules from documented results.
"""

from __future__ import annotations

from enum import StrEnum

from service.errors import BadRequestError
from service.settings import Settings
from verdict.evidence import (
    CheckName,
    CheckResult,
    Evidence,
    LivenessResult,
    SignalCode,
    SignalResult,
    VisionResult,
)
from verdict.voice_evidence import PhraseResult, VoiceResult

HEADER = "x-bonafide-test-outcome"
MARK = {"environment": "test"}
"""What every session and every webhook of test mode carries; it is nowhere else."""
_MOST_ATTEMPTS = 20
_RISKY = (
    SignalCode.TEXTURE_SMOOTHING,
    SignalCode.BOUNDARY_ARTIFACTS,
    SignalCode.TEETH_RENDERING,
    SignalCode.SKIN_TONE_MISMATCH,
)


class Ordered(StrEnum):
    """What can be ordered."""

    LIVE = "LIVE"
    DEEPFAKE = "DEEPFAKE"
    INCONCLUSIVE = "INCONCLUSIVE"
    FAILED = "FAILED"


class OrderedFailureError(RuntimeError):
    """The analysis that was ordered to crash."""


def read_order(settings: Settings, header: str | None) -> str | None:
    """Return what a session is to be remembered with.

    Parameters
    ----------
    header
        One outcome, or several with commas between them: one per attempt, the last for the rest.

    Raises
    ------
    BadRequestError
        When it names something else, or this deployment is not in test mode.
    """
    if header is None:
        return None
    if settings.environment != "test":
        message = f"{HEADER} is only taken by a deployment in test mode; leave it out"
        raise BadRequestError(message, "TEST_MODE_OFF")
    names = [name.strip() for name in header.split(",")]
    if len(names) > _MOST_ATTEMPTS or not all(name in Ordered.__members__ for name in names):
        message = f"{HEADER} names outcomes, with commas: {', '.join(Ordered)}"
        raise BadRequestError(message)
    return ",".join(names)


def ordered_outcome(settings: Settings, order: str | None, attempt: int) -> Ordered | None:
    """Return what attempt number `attempt` shall come to; None where the layers decide."""
    if settings.environment != "test" or order is None:
        return None
    names = order.split(",")
    return Ordered(names[min(attempt, len(names)) - 1])


def ordered_evidence(outcome: Ordered) -> Evidence:
    """Return the documented results of the layers that the policy turns into `outcome`.

    Raises
    ------
    OrderedFailureError
        For `FAILED`.
    """
    if outcome is Ordered.FAILED:
        msg = "ordered"
        raise OrderedFailureError(msg)
    checks = tuple(CheckResult(name, True, (), reason="test mode") for name in CheckName)
    phrase = PhraseResult(True, ("test",), ("test",), 0, 0, "test mode")
    fired = _RISKY if outcome is Ordered.DEEPFAKE else ()
    vision = {Ordered.DEEPFAKE: (0.82, 0.90), Ordered.INCONCLUSIVE: (0.45, 0.50)}
    voice = {Ordered.INCONCLUSIVE: (0.36, 0.60)}
    return Evidence(
        liveness=LivenessResult(checks, 0.95),
        vision=VisionResult(
            None,
            *vision.get(outcome, (0.22, 0.90)),
            tuple(SignalResult(code, True, 0.9, reason="test mode") for code in fired),
        ),
        voice=VoiceResult(None, *voice.get(outcome, (0.13, 0.88)), phrase, reason="test mode"),
        models={"test_mode": "no model looked at this"},
    )
