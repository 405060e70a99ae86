"""Voice activity and level against closed forms."""

import numpy as np
import pytest

from layers.capture.speech import energy_db, speech_stretches, voice_activity
from layers.capture.types import FloatArray

FRAME_S = 512 / 16_000


def probabilities(*runs: tuple[int, float]) -> FloatArray:
    return np.concatenate([np.full(n, value, dtype=np.float32) for n, value in runs])


def stretches(*runs: tuple[int, float]) -> list[tuple[float, float]]:
    probability = probabilities(*runs)
    return list(speech_stretches(probability, len(probability) * 512))


def test_a_stretch_is_padded_by_30_ms() -> None:
    assert stretches((10, 0.1), (20, 0.9), (10, 0.1)) == [
        pytest.approx((10 * FRAME_S - 0.03, 30 * FRAME_S + 0.03))
    ]


def test_speech_lasts_until_the_lower_limit() -> None:
    assert stretches((10, 0.1), (10, 0.9), (10, 0.4), (10, 0.1)) == [
        pytest.approx((10 * FRAME_S - 0.03, 30 * FRAME_S + 0.03))
    ]


def test_a_gap_below_100_ms_is_closed_and_a_longer_one_is_not() -> None:
    assert len(stretches((5, 0.1), (10, 0.9), (3, 0.1), (10, 0.9), (5, 0.1))) == 1
    assert len(stretches((5, 0.1), (10, 0.9), (4, 0.1), (10, 0.9), (5, 0.1))) == 2


def test_a_blip_is_no_speech() -> None:
    assert stretches((10, 0.1), (7, 0.9), (10, 0.1)) == []
    assert len(stretches((10, 0.1), (8, 0.9), (10, 0.1))) == 1


def test_speech_to_the_end_ends_with_the_recording() -> None:
    assert stretches((10, 0.1), (20, 0.9))[0][1] == pytest.approx(30 * FRAME_S)


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.2, 4.0, 20.0])
def test_silence_of_any_length_is_no_speech(seconds: float) -> None:
    assert voice_activity(np.zeros(round(seconds * 16_000), dtype=np.float32)) == ()


def test_noise_and_hum_are_no_speech() -> None:
    noise = 0.1 * np.random.default_rng(7).standard_normal(64_000)
    hum = 0.3 * np.sin(2 * np.pi * 50 * np.arange(64_000) / 16_000)
    assert voice_activity(noise.astype(np.float32)) == ()
    assert voice_activity(hum.astype(np.float32)) == ()


def test_level_of_a_sine_is_its_rms() -> None:
    # 25 ms hold a whole number of periods of 1 kHz, so away from the ends the RMS is exact.
    sine = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)).astype(np.float32)
    level, hop_s = energy_db(sine)
    assert (len(level), hop_s) == (100, 0.01)
    assert level[2:-2] == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=1e-3)


def test_level_of_silence_is_the_floor() -> None:
    level, _ = energy_db(np.zeros(1600, dtype=np.float32))
    assert np.all(level == -100)
    assert len(energy_db(np.zeros(0, dtype=np.float32))[0]) == 0
