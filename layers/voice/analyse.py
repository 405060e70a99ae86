"""One recording in, one voice result out: score, risk, windows, phrase, quality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from layers.capture.types import SAMPLE_RATE_HZ, Audio, Capture
from layers.voice.deciding_windows import explained
from layers.voice.detector.combined import Combination, combination_in_force
from layers.voice.low_end import low_end_measurement
from layers.voice.models import VoiceModels
from layers.voice.phrase import check_phrase, speech_part
from layers.voice.protocol import SHORTEST_S, SpeechDetector
from layers.voice.quality import (
    clipping_findings,
    measure_quality,
    quality_confidence,
    quality_findings,
)
from verdict.measurement import Measurement, QualityFinding
from verdict.policy import Policy
from verdict.rules import half_up
from verdict.voice_evidence import DetectorScore, PhraseResult, VoiceResult, WindowScore

# The detector trims silence itself, by level, as it did in training: a closer cut by the
# voice-activity gate would hand it clips of a kind that it was not fitted on.
_DETECTOR_MARGIN_S = 1.0

_NO_SPEECH = QualityFinding(
    "NO_SPEECH", 0.0, None, "Check that the right microphone is on, and say the words aloud."
)


def analyse(capture: Capture, policy: Policy, models: VoiceModels) -> VoiceResult:
    """Look at the sound of a capture.

    Without sound and without a phrase there is nothing to say: the confidence is None. Where a
    phrase was asked, silence is a phrase not said.
    """
    audio, asked = capture.audio, capture.challenge
    phrase = None
    if asked.phrase is not None:
        phrase = check_phrase(audio, asked.phrase, asked.language, models.recogniser, policy)
    if audio is None:
        confidence = None if phrase is None else 0.0
        return VoiceResult(None, 0.0, confidence, phrase, reason="no_audio")
    chosen = combination_in_force(policy)
    digests = models.digests(member.name for member in chosen.members)
    heard = judge_speech(audio, chosen, models)
    if heard is None:
        return _unscored(audio, phrase, digests, policy)
    quality = measure_quality(audio)
    operating_score = chosen.calibration.operating_score
    return VoiceResult(
        score=heard.score,
        p_attack=heard.p_attack,
        confidence=quality_confidence(quality, policy),
        phrase=phrase,
        windows=explained(
            heard.windows, heard.score, chosen.calibration.p_attack, _is_over(policy)
        ),
        detectors=heard.detectors,
        measurements=(
            Measurement("detector_score", heard.score, operating_score),
            *quality.measurements,
            low_end_measurement(audio.samples, policy),
        ),
        findings=quality_findings(quality, policy),
        models=digests,
    )


@dataclass(frozen=True, slots=True)
class SpeechJudgement:
    """What the detectors in force say of one recording; the fields are those of `VoiceResult`."""

    score: float
    p_attack: float
    windows: tuple[WindowScore, ...]
    detectors: tuple[DetectorScore, ...]


def judge_speech(audio: Audio, chosen: Combination, models: VoiceModels) -> SpeechJudgement | None:
    """Score speech with a detector or an ensemble; None without enough speech.

    Raises
    ------
    layers.voice.detector.errors.DetectorError
        When a detector's files can't be used, or its calibration is not that of its weights.
    """
    loaded = {member.name: models.detector(member.name) for member in chosen.members}
    chosen.check({name: detector.digest for name, detector in loaded.items()})
    windows: dict[str, tuple[WindowScore, ...]] = {}
    scores: dict[str, float] = {}
    for name, detector in loaded.items():
        windows[name], score = score_speech(audio, detector)
        if score is None:
            return None
        scores[name] = score
    combined = chosen.score(scores)
    return SpeechJudgement(
        combined,
        chosen.calibration.p_attack(combined),
        _on_combined_scale(chosen, windows),
        tuple(
            DetectorScore(one.name, scores[one.name], one.calibration.p_attack(scores[one.name]))
            for one in chosen.members
        ),
    )


def score_speech(
    audio: Audio, detector: SpeechDetector
) -> tuple[tuple[WindowScore, ...], float | None]:
    """Return the detector's scores over time and of the whole; None without enough speech."""
    if not audio.speech:
        return (), None
    part, start_s = speech_part(audio, _DETECTOR_MARGIN_S)
    if len(part) < SHORTEST_S * SAMPLE_RATE_HZ:
        return (), None
    windows = tuple(
        WindowScore(start_s + window.start_s, start_s + window.end_s, window.score)
        for window in detector.score_windows(part)
    )
    return windows, sum(window.score for window in windows) / len(windows)


def _on_combined_scale(
    chosen: Combination, windows: dict[str, tuple[WindowScore, ...]]
) -> tuple[WindowScore, ...]:
    """Return the windows of the member with the largest share: members cut different windows."""
    leading = max(chosen.members, key=lambda member: member.share)
    if not chosen.is_ensemble:
        return windows[leading.name]
    return tuple(
        WindowScore(one.start_s, one.end_s, leading.calibration.log_odds(one.score))
        for one in windows[leading.name]
    )


def _is_over(policy: Policy) -> Callable[[float], bool]:
    """Return what rejects a risk, on the integers of the wire as rule 4 does."""
    threshold = policy.number("verdict.voice_threshold")
    return lambda p_attack: half_up(100 * p_attack) > threshold


def _unscored(
    audio: Audio, phrase: PhraseResult | None, digests: dict[str, str], policy: Policy
) -> VoiceResult:
    reason = "speech_too_short" if audio.speech else "no_speech"
    return VoiceResult(
        score=None,
        p_attack=0.0,
        confidence=0.0,
        phrase=phrase,
        measurements=(Measurement("speech_s", audio.speech_s),),
        findings=(_NO_SPEECH, *clipping_findings(audio, policy)),
        models=digests,
        reason=reason,
    )
