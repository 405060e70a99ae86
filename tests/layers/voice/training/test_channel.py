"""Channel measures against signals of known level, band and silence; changes keep the speech."""

import numpy as np
import pytest

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray
from layers.voice.training.augment import low_pass, set_level
from layers.voice.training.channel import changes, channel_measures


def noise(seconds: float = 2.0) -> FloatArray:
    drawn = np.random.default_rng(3).standard_normal(round(seconds * SAMPLE_RATE_HZ))
    return (0.05 * drawn).astype(np.float32)


def test_loudness_is_the_rms_level_and_moves_nothing_else() -> None:
    loud, soft = (channel_measures(set_level(noise(), level)) for level in (-20.0, -40.0))
    assert loud["loudness_db"] == pytest.approx(-20.0, abs=0.05)
    assert soft["loudness_db"] == pytest.approx(-40.0, abs=0.05)
    for name in loud.keys() - {"loudness_db"}:
        assert soft[name] == pytest.approx(loud[name], abs=0.01)


@pytest.mark.parametrize("edge_hz", [3_400.0, 6_000.0])
def test_bandwidth_is_the_edge_of_the_band(edge_hz: float) -> None:
    found = channel_measures(low_pass(noise(), edge_hz, 8))
    assert found["bandwidth_hz"] == pytest.approx(edge_hz, abs=300.0)
    assert found["above_7_khz_db"] < channel_measures(noise())["above_7_khz_db"] - 10.0


def test_silence_is_counted_where_it_lies() -> None:
    found = channel_measures(np.pad(noise(), (8_000, 16_000)))
    assert found["leading_silence_s"] == pytest.approx(0.5, abs=0.02)
    assert found["trailing_silence_s"] == pytest.approx(1.0, abs=0.02)
    assert found["silent_share"] == pytest.approx(1.5 / 3.5, abs=0.02)
    assert found["duration_s"] == pytest.approx(3.5)


def test_noise_between_words_is_the_floor() -> None:
    wave = noise(4.0)
    wave[: len(wave) // 2] *= 10 ** (-30 / 20)
    assert channel_measures(wave)["noise_floor_db"] == pytest.approx(-27.0, abs=1.5)


@pytest.mark.parametrize("name", list(changes()))
def test_every_change_gives_the_same_clip_twice(name: str) -> None:
    wave, change = noise(1.0), changes()[name]
    made = change(wave)
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert np.abs(made).max() > 0.001
    assert len(made) >= len(wave) - 32  # the resampler after a decoder keeps its last samples
    np.testing.assert_array_equal(made, change(wave))
    shared = min(len(made), len(wave))
    assert not np.array_equal(made[:shared], wave[:shared])
