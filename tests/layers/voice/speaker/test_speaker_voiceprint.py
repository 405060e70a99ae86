"""Voiceprints: what they are made of, their quality in closed form, what refuses a recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from layers.capture.speech import energy_db
from layers.capture.types import SAMPLE_RATE_HZ, Audio, FloatArray
from layers.voice.quality import SpeechQuality
from layers.voice.speaker.reading import audio_findings
from layers.voice.speaker.similarity import match
from layers.voice.speaker.speech import speech_only
from layers.voice.speaker.voiceprint import Voiceprint, quality_of, voiceprint_of
from verdict.policy import load_policy

POLICY = load_policy()
CLEAN = SpeechQuality(6.0, 40.0, 0.0, 7500.0)


def audio(*speech: tuple[float, float], seconds: float = 6.0, rate_hz: int = 16_000) -> Audio:
    samples = np.arange(round(seconds * SAMPLE_RATE_HZ), dtype=np.float32) / 1e6
    level, hop_s = energy_db(samples)
    return Audio(samples, speech, level, hop_s, original_rate_hz=rate_hz)


@dataclass(frozen=True)
class TwoVoices:
    """Hears one voice in the first half of the speech and another in the second."""

    cosine: float
    name: str = "ge2e"
    digest: str = "ab" * 32

    def embed_partials(self, speech: FloatArray) -> FloatArray:
        other = (self.cosine, (1 - self.cosine**2) ** 0.5)
        return np.array([(1.0, 0.0), other], np.float32)


def test_pauses_are_cut_out() -> None:
    speech = speech_only(audio((1.0, 2.0), (3.0, 3.5)))
    assert len(speech) == 24_000
    assert speech[0] == pytest.approx(16_000 / 1e6)
    assert speech[16_000] == pytest.approx(48_000 / 1e6)
    assert len(speech_only(audio())) == 0


def test_a_voiceprint_is_the_mean_and_knows_how_far_its_parts_differ() -> None:
    made = voiceprint_of(audio((0, 6)), TwoVoices(0.6), CLEAN, POLICY)
    # Halfway between two directions at cosine c: each is at sqrt((1 + c) / 2) of the mean.
    assert made.consistency == pytest.approx(0.8**0.5, abs=1e-6)
    assert np.linalg.norm(made.embedding) == pytest.approx(1.0)
    assert made.stretches == 2
    with pytest.raises(ValueError, match="record again"):
        voiceprint_of(audio(), TwoVoices(0.6), CLEAN, POLICY)


def test_two_people_in_one_recording_fail_and_one_person_does_not() -> None:
    minimum = POLICY.number("speaker.quality.minimum")
    # 0.83 and 0.91: the medians of recordings joined from two people and from one.
    assert quality_of(0.83, CLEAN, "ge2e", POLICY) < minimum
    assert quality_of(0.91, CLEAN, "ge2e", POLICY) == 1.0


@pytest.mark.parametrize(
    ("sound", "factor"),
    [
        (SpeechQuality(3.0, 40.0, 0.0, 7500.0), 0.2 + 0.8 * (3 - 1) / (5 - 1)),
        (SpeechQuality(6.0, 9.0, 0.0, 7500.0), 0.3 + 0.7 * (9 - 3) / (15 - 3)),
        (SpeechQuality(0.5, 0.0, 0.0, 7500.0), 0.2 * 0.3),
    ],
)
def test_quality_is_a_product_of_straight_lines(sound: SpeechQuality, factor: float) -> None:
    assert quality_of(0.95, sound, "ge2e", POLICY) == pytest.approx(factor, abs=1e-3)


@pytest.mark.parametrize(
    ("found", "codes"),
    [
        (audio((0, 3)), []),
        (audio((0, 2.99)), ["SPEECH_TOO_SHORT"]),
        (audio((0, 5), rate_hz=8000), ["AUDIO_RATE_TOO_LOW"]),
        (audio((0, 5), seconds=60), []),
        (audio((0, 5), seconds=60.5), ["RECORDING_TOO_LONG"]),
        (None, ["AUDIO_RATE_TOO_LOW", "SPEECH_TOO_SHORT"]),
    ],
)
def test_what_refuses_a_recording(found: Audio | None, codes: list[str]) -> None:
    findings = audio_findings(found, 3.0, POLICY)
    assert [one.code for one in findings] == codes
    assert all(one.refuses and one.hint for one in findings)


def test_voiceprints_of_two_encoders_are_not_compared() -> None:
    one = Voiceprint(np.ones(4, np.float32) / 2, "ge2e", "aa", 3, 1.0, 1.0)
    assert match(one, one, POLICY)[0] == pytest.approx(1.0)
    other = Voiceprint(one.embedding, "ge2e", "bb", 3, 1.0, 1.0)
    with pytest.raises(ValueError, match="different encoders"):
        match(one, other, POLICY)
