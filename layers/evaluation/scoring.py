"""One file, one layer, one score: what a child process does for each row of a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from layers.evaluation.manifest import ManifestRow
from layers.runner.tasks import ModelPaths
from verdict.evidence import CheckName, LayerName, LivenessResult, VisionResult
from verdict.policy import Policy
from verdict.voice_evidence import VoiceResult


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """A liveness check and the measurement it rests on."""

    passed: bool
    value: float | None


@dataclass(frozen=True, slots=True)
class LayerScore:
    """What one layer says of one file.

    Parameters
    ----------
    p_attack
        0-1; for liveness the share of failed checks.
    confidence
        0-1, None where the layer had nothing to judge.
    detectors
        `p_attack` by voice detector, where several were asked.
    """

    p_attack: float
    confidence: float | None
    checks: Mapping[CheckName, CheckOutcome] = field(default_factory=dict)
    signals: tuple[str, ...] = ()
    detectors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """A row of the manifest with its score, or with the reason why it has none."""

    row: ManifestRow
    score: LayerScore | None
    error: str = ""


Scorer = Callable[[LayerName, ManifestRow, Policy, ModelPaths], LayerScore]


def score_file(
    layer: LayerName, row: ManifestRow, policy: Policy, models: ModelPaths
) -> LayerScore:
    """Decode one file and run one layer on it.

    Raises
    ------
    MediaError
        When the file can't be used.
    """
    from layers.capture.load import load_audio_only, load_image, load_video
    from layers.runner import tasks

    if layer is LayerName.VOICE:
        return of_voice(tasks.voice(load_audio_only(row.file, policy=policy), policy, models))
    load = load_image if row.is_photo else load_video
    capture = load(row.file, policy=policy)
    if layer is LayerName.VISION:
        return of_vision(tasks.vision(capture, policy, models))
    return of_liveness(tasks.liveness(capture, policy, models))


def of_liveness(result: LivenessResult) -> LayerScore:
    """Liveness has no risk: `p_attack` is the share of failed checks."""
    failed = sum(not check.passed for check in result.checks)
    return LayerScore(
        p_attack=failed / len(result.checks),
        confidence=result.confidence,
        checks={check.name: CheckOutcome(check.passed, check.value) for check in result.checks},
    )


def of_vision(result: VisionResult) -> LayerScore:
    """Return risk, confidence and the signals that fired."""
    signals = tuple(str(code) for code in result.fired)
    return LayerScore(result.p_attack, result.confidence, signals=signals)


def of_voice(result: VoiceResult) -> LayerScore:
    """Return risk and confidence."""
    return LayerScore(result.p_attack, result.confidence)
