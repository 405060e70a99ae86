"""The bass of a recording against a closed form, a loudspeaker, and the policy's level."""

import numpy as np
import pytest

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray
from layers.voice.low_end import low_end_db, low_end_measurement
from layers.voice.training.replay import Loudspeaker, played
from verdict.policy import load_policy


def noise() -> FloatArray:
    drawn = 0.1 * np.random.default_rng(1).standard_normal(2 * SAMPLE_RATE_HZ)
    return drawn.astype(np.float32)


def without_bass(drop_db: float) -> FloatArray:
    spectrum = np.fft.rfft(noise())
    frequency = np.fft.rfftfreq(2 * SAMPLE_RATE_HZ, 1 / SAMPLE_RATE_HZ)
    spectrum[frequency < 240.0] *= 10 ** (-drop_db / 20)
    return np.fft.irfft(spectrum).astype(np.float32)


@pytest.mark.parametrize("drop_db", [0.0, 10.0, 20.0])
def test_flat_noise_has_as_much_bass_as_was_left(drop_db: float) -> None:
    assert low_end_db(without_bass(drop_db)) == pytest.approx(-drop_db, abs=1.0)


def test_level_and_pauses_change_nothing() -> None:
    wave = without_bass(10.0)
    expected = low_end_db(wave)
    assert low_end_db(0.01 * wave) == pytest.approx(expected, abs=0.01)
    assert low_end_db(np.pad(wave, 16_000)) == pytest.approx(expected, abs=0.1)


def test_a_phone_loudspeaker_falls_below_the_level_of_the_policy() -> None:
    phone = Loudspeaker(low_hz=700.0, high_hz=8_000.0, order=4, harmonic_share=0.01)
    policy = load_policy()
    before, after = (low_end_measurement(one, policy) for one in (noise(), played(noise(), phone)))
    limit = policy.number("voice.replay.low_end_db")
    assert before.threshold == after.threshold == limit
    assert after.value is not None
    assert before.value is not None
    assert after.value < limit < before.value


def test_a_recording_shorter_than_a_frame_is_measured() -> None:
    assert np.isfinite(low_end_db(noise()[:200]))
