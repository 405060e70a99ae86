"""The voice result for each kind of recording, with a detector that says what the test wants."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from layers.capture.types import (
    N_LANDMARKS,
    Audio,
    Capture,
    Challenge,
    FaceTrack,
    FloatArray,
    MediaKind,
    Source,
)
from layers.voice import analyse
from layers.voice.detector.combined import (
    combination,
    combination_in_force,
    ensemble_digest,
)
from layers.voice.detector.errors import UncalibratedError
from layers.voice.models import VoiceModels
from layers.voice.recogniser import Transcript, Vocabulary
from verdict.policy import Policy, load_policy, parse_policy
from verdict.voice_evidence import DetectorScore, WindowScore

POLICY = load_policy()
EMBEDDED = combination_in_force(POLICY).calibration


@dataclass(frozen=True)
class Scores:
    """A detector that gives every half of the waveform a fixed score."""

    first: float
    second: float
    digest: str = EMBEDDED.weights

    def score_windows(self, waveform: FloatArray) -> Sequence[WindowScore]:
        length_s = len(waveform) / 16_000
        return (
            WindowScore(0.0, length_s / 2, self.first),
            WindowScore(length_s / 2, length_s, self.second),
        )


@dataclass(frozen=True)
class Hears:
    words: str = "tiger lemon river"
    name: str = "hears"
    digest: str = "r" * 64

    def transcribe(self, samples: FloatArray, vocabulary: Vocabulary) -> Transcript:
        return Transcript(tuple(self.words.split()), 0.9)


def models(first: float = 0.0, second: float = 0.0) -> VoiceModels:
    return VoiceModels(Hears(), detectors={"embedded": Scores(first, second)})


def sound(*speech: tuple[float, float], clipped: float = 0.0) -> Audio:
    noise = 0.001 * np.random.default_rng(1).standard_normal(64_000)
    for start, end in speech:
        noise[round(start * 16_000) : round(end * 16_000)] *= 100
    level = np.full(400, -60, dtype=np.float32)
    for start, end in speech:
        level[round(start * 100) : round(end * 100)] = -20
    return Audio(noise.astype(np.float32), speech, level, 0.01, clipped_share=clipped)


def capture(audio: Audio | None, phrase: str | None = None) -> Capture:
    return Capture(Source(MediaKind.AUDIO), no_frames(), (), (), audio, Challenge(phrase=phrase))


def no_frames() -> FaceTrack:
    nothing, none = np.zeros(0), np.zeros(0, dtype=np.float32)
    return FaceTrack(
        t_s=nothing,
        steps=(),
        received_s=nothing,
        n_faces=np.zeros(0, dtype=np.int32),
        landmarks=np.zeros((0, N_LANDMARKS, 3), dtype=np.float32),
        yaw_deg=none,
        pitch_deg=none,
        roll_deg=none,
        ear=np.zeros((0, 2), dtype=np.float32),
        mar=none,
        thumbs=np.zeros((0, 48, 64), dtype=np.uint8),
        brightness=none,
        sharpness=none,
    )


def test_clear_speech_is_scored_over_time_and_calibrated() -> None:
    result = analyse(capture(sound((1.0, 3.5))), POLICY, models(1.0, 3.0))
    assert result.score == 2.0
    assert result.p_attack == EMBEDDED.p_attack(2.0)
    assert result.confidence is not None
    assert result.confidence >= 0.8
    # One second of margin around the speech is the whole of this recording.
    assert [window.start_s for window in result.windows] == pytest.approx([0.0, 2.0])
    assert result.word_match is None
    assert result.models == {"embedded": EMBEDDED.weights, "hears": "r" * 64}
    assert result.detectors == (DetectorScore("embedded", 2.0, result.p_attack),)


def test_the_operating_score_is_exactly_the_threshold() -> None:
    result = analyse(
        capture(sound((1.0, 3.5))),
        POLICY,
        models(EMBEDDED.operating_score, EMBEDDED.operating_score),
    )
    assert result.p_attack == pytest.approx(0.60)


def test_the_windows_that_put_a_clip_over_the_threshold_are_marked() -> None:
    at = EMBEDDED.operating_score
    result = analyse(capture(sound((1.0, 3.5))), POLICY, models(at + 1.0, at - 3.0))
    assert [window.decided for window in result.windows] == [False, True]
    assert [window.p_attack for window in result.windows] == [
        EMBEDDED.p_attack(at + 1.0),
        EMBEDDED.p_attack(at - 3.0),
    ]
    # Exactly at the threshold nothing is rejected, so nothing decided.
    quiet = analyse(capture(sound((1.0, 3.5))), POLICY, models(at + 1.0, at - 1.0))
    assert not any(window.decided for window in quiet.windows)


def test_the_phrase_is_checked_beside_the_score() -> None:
    said = analyse(capture(sound((1.0, 3.5)), "tiger lemon river"), POLICY, models())
    other = analyse(capture(sound((1.0, 3.5)), "tiger river lemon"), POLICY, models())
    assert (said.word_match, other.word_match) == (True, False)
    assert said.p_attack == other.p_attack


def test_no_sound_and_no_phrase_is_nothing_to_say() -> None:
    result = analyse(capture(None), POLICY, models())
    assert (result.score, result.p_attack, result.confidence) == (None, 0.0, None)
    assert (result.word_match, result.reason) == (None, "no_audio")


@pytest.mark.parametrize("audio", [None, sound()])
def test_a_phrase_asked_and_nothing_said_is_no_match(audio: Audio | None) -> None:
    result = analyse(capture(audio, "tiger lemon river"), POLICY, models(9.0, 9.0))
    assert (result.word_match, result.confidence, result.p_attack) == (False, 0.0, 0.0)
    assert result.score is None


def test_sound_without_speech_has_no_score_and_no_confidence() -> None:
    result = analyse(capture(sound()), POLICY, models(9.0, 9.0))
    assert (result.score, result.p_attack, result.confidence) == (None, 0.0, 0.0)
    assert result.reason == "no_speech"
    assert [finding.code for finding in result.findings] == ["NO_SPEECH"]


def test_a_clip_too_short_to_score() -> None:
    short = Audio(np.full(3_200, 0.1, np.float32), ((0.0, 0.2),), np.zeros(20, np.float32), 0.01)
    result = analyse(capture(short), POLICY, models())
    assert (result.score, result.confidence, result.reason) == (None, 0.0, "speech_too_short")


def test_quality_changes_the_confidence_and_not_the_risk() -> None:
    clear = analyse(capture(sound((1.0, 3.5))), POLICY, models())
    clipped = analyse(capture(sound((1.0, 3.5), clipped=0.05)), POLICY, models())
    short = analyse(capture(sound((1.0, 1.5))), POLICY, models())
    assert clear.p_attack == clipped.p_attack == short.p_attack
    assert clear.confidence is not None
    assert clipped.confidence is not None
    assert short.confidence is not None
    assert clipped.confidence < clear.confidence
    assert short.confidence < clear.confidence
    assert [finding.code for finding in clipped.findings] == ["AUDIO_CLIPPED"]


def test_the_same_capture_gives_the_same_result() -> None:
    one = capture(sound((1.0, 3.5)), "tiger lemon river")
    assert analyse(one, POLICY, models(0.3, 0.4)) == analyse(one, POLICY, models(0.3, 0.4))


def of_ensemble() -> Policy:
    """The shipped policy with an ensemble of two in force, calibrated for the detectors here."""
    values: dict[str, float | str] = {
        "in_force": "ensemble",
        "aasist.slope": 0.5,
        "aasist.operating_score": -4.0,
        "aasist.weights": "a" * 64,
        "ensemble.share.embedded": 1.0,
        "ensemble.share.aasist": 3.0,
    }
    text = overlay(values)
    members = combination("ensemble", POLICY.overlaid(parse_policy(text, "test"))).members
    text = overlay({**values, "ensemble.weights": ensemble_digest(members)})
    return POLICY.overlaid(parse_policy(text, "test"))


def overlay(values: dict[str, float | str]) -> str:
    entries = [
        f"[voice.detector.{name}]\nvalue = {json.dumps(value)}\n"
        f'unit = "{POLICY.entry(f"voice.detector.{name}").unit}"\n'
        'source = "measured"\nbasis = "a test"\ndate = 2026-11-21\n'
        for name, value in values.items()
    ]
    return 'version = "test"\n' + "".join(entries)


def test_an_ensemble_says_what_each_member_says() -> None:
    policy = of_ensemble()
    aasist = Scores(-2.0, -6.0, digest="a" * 64)
    both = VoiceModels(Hears(), detectors={"embedded": Scores(1.0, 3.0), "aasist": aasist})
    result = analyse(capture(sound((1.0, 3.5))), policy, both)
    chosen = combination("ensemble", policy)
    assert result.score == pytest.approx((EMBEDDED.log_odds(2.0) + 3 * 0.0) / 4)
    assert result.score is not None
    assert result.p_attack == chosen.calibration.p_attack(result.score)
    by_name = {one.name: one for one in result.detectors}
    assert by_name["embedded"].p_attack == EMBEDDED.p_attack(2.0)
    assert by_name["aasist"].score == -4.0
    assert by_name["aasist"].p_attack == pytest.approx(0.6)
    # The windows of the member with the larger share, on the scale of the combined score.
    assert [window.score for window in result.windows] == [1.0, -1.0]
    assert set(result.models) == {"embedded", "aasist", "hears"}


def test_weights_that_the_policy_was_not_fitted_with_are_an_exception() -> None:
    other = VoiceModels(Hears(), detectors={"embedded": Scores(1.0, 3.0, digest="e" * 64)})
    with pytest.raises(UncalibratedError, match="--detector embedded"):
        analyse(capture(sound((1.0, 3.5))), POLICY, other)
