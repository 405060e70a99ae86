"""Conversion moves the formants by the ratio that was asked, and keeps what a clip needs."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import signal

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray
from layers.voice.training.conversion import RESYNTHESES, convert, converted
from layers.voice.training.source_filter import source_filter


def vowel(formant_hz: float = 1_200.0, pitch_hz: float = 110.0) -> FloatArray:
    """A pulse train through one resonance."""
    pulses = np.zeros(2 * SAMPLE_RATE_HZ)
    pulses[:: round(SAMPLE_RATE_HZ / pitch_hz)] = 1.0
    radius = np.exp(-np.pi * 120.0 / SAMPLE_RATE_HZ)
    turn = 2 * np.pi * formant_hz / SAMPLE_RATE_HZ
    made = signal.lfilter([1.0], [1.0, -2 * radius * np.cos(turn), radius**2], pulses)
    return np.asarray(0.5 * made / np.abs(made).max(), dtype=np.float32)


def strongest_hz(wave: FloatArray) -> float:
    frequency, density = signal.welch(wave, SAMPLE_RATE_HZ, nperseg=256)
    inside = frequency > 600.0
    return float(frequency[inside][np.argmax(density[inside])])


@pytest.mark.parametrize("ratio", [1 / 1.2, 1.2])
def test_the_formant_moves_by_the_ratio(ratio: float) -> None:
    made = converted(vowel(), ratio, source_filter, np.random.default_rng(0))
    assert strongest_hz(made) == pytest.approx(1_200.0 * ratio, abs=130.0)
    assert len(made) == pytest.approx(2 * SAMPLE_RATE_HZ / ratio, abs=2)


@pytest.mark.parametrize("resynthesis", RESYNTHESES)
def test_every_vocoder_gives_a_sound_clip(
    resynthesis: Callable[[FloatArray, np.random.Generator], FloatArray],
) -> None:
    wave = vowel()
    made = converted(wave, 1.1, resynthesis, np.random.default_rng(1))
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert 0.05 < np.abs(made).max() <= 0.951


def test_a_seed_decides_everything() -> None:
    wave = vowel()
    one, same, other = (convert(wave, np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, same)
    assert len(one) != len(other)
