"""One recording in, one voice result out: score, risk, windows, phrase, quality."""

from __future__ import annotations

from layers.capture.types import SAMPLE_RATE_HZ, Audio, Capture
from layers.voice.models import VoiceModels
from layers.voice.phrase import check_phrase, speech_part
from layers.voice.protocol import SHORTEST_S, SpeechDetector
from layers.voice.quality import measure_quality, quality_confidence, quality_findings
from verdict.calibration import logistic_at
from verdict.evidence import (
    Measurement,
    PhraseResult,
    QualityFinding,
    VoiceResult,
    WindowScore,
)
from verdict.policy import Policy

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
    windows, score = score_speech(audio, models.detector)
    if score is None:
        return _unscored(audio, phrase, models)
    quality = measure_quality(audio)
    return VoiceResult(
        score=score,
        p_attack=attack_probability(score, policy),
        confidence=quality_confidence(quality, policy),
        phrase=phrase,
        windows=windows,
        measurements=(
            Measurement(
                "detector_score", score, policy.number("voice.calibration.operating_score")
            ),
            *quality.measurements,
        ),
        findings=quality_findings(quality, policy),
        models=models.digests,
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


def attack_probability(score: float, policy: Policy) -> float:
    """Return `p_attack`; the operating score falls on the policy's voice threshold."""
    return logistic_at(
        score,
        slope=policy.number("voice.calibration.slope"),
        operating_score=policy.number("voice.calibration.operating_score"),
        operating_p=policy.number("verdict.voice_threshold") / 100,
    )


def _unscored(audio: Audio, phrase: PhraseResult | None, models: VoiceModels) -> VoiceResult:
    reason = "speech_too_short" if audio.speech else "no_speech"
    return VoiceResult(
        score=None,
        p_attack=0.0,
        confidence=0.0,
        phrase=phrase,
        measurements=(Measurement("speech_s", audio.speech_s),),
        findings=(_NO_SPEECH,),
        models=models.digests,
        reason=reason,
    )
