"""Quality lowers the confidence, names a hint and never touches the risk."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.capture.audio import resampled
from layers.capture.speech import energy_db
from layers.capture.types import SAMPLE_RATE_HZ, Audio, FloatArray
from layers.voice.quality import (
    SpeechQuality,
    clipping_findings,
    measure_quality,
    quality_confidence,
    quality_findings,
)
from verdict.policy import load_policy

POLICY = load_policy()
CLEAR = SpeechQuality(speech_s=3.0, snr_db=40.0, clipped_share=0.0, bandwidth_hz=8000.0)


def recording(samples: FloatArray, *speech: tuple[float, float]) -> Audio:
    level, hop_s = energy_db(samples)
    return Audio(samples, speech, level, hop_s)


def burst(noise_db: float) -> Audio:
    """One second of white noise between two seconds of noise that is `noise_db` softer."""
    samples = 0.1 * np.random.default_rng(3).standard_normal(3 * SAMPLE_RATE_HZ)
    softer = 10 ** (-noise_db / 20)
    samples[:SAMPLE_RATE_HZ] *= softer
    samples[2 * SAMPLE_RATE_HZ :] *= softer
    return recording(samples.astype(np.float32), (1.0, 2.0))


def noise_at(rate_hz: int) -> FloatArray:
    """Two seconds of white noise recorded at another rate."""
    drawn = 0.05 * np.random.default_rng(4).standard_normal(2 * rate_hz)
    return resampled(drawn.astype(np.float32), rate_hz)


@pytest.mark.parametrize("noise_db", [10.0, 20.0, 40.0])
def test_signal_to_noise_is_that_of_the_mixture(noise_db: float) -> None:
    assert measure_quality(burst(noise_db)).snr_db == pytest.approx(noise_db, abs=2.0)


def test_digital_silence_around_speech_is_the_cleanest_there_is() -> None:
    assert measure_quality(burst(200.0)).snr_db == 60.0


@pytest.mark.parametrize("edge_hz", [3400.0, 5000.0])
def test_bandwidth_is_the_edge_of_the_band(edge_hz: float) -> None:
    spectrum = np.fft.rfft(np.random.default_rng(5).standard_normal(32_000))
    spectrum[np.fft.rfftfreq(32_000, 1 / SAMPLE_RATE_HZ) > edge_hz] = 0
    samples = (0.1 * np.fft.irfft(spectrum)).astype(np.float32)
    assert measure_quality(recording(samples, (0.0, 2.0))).bandwidth_hz == pytest.approx(
        edge_hz, abs=100
    )


def test_a_clear_recording_is_trusted_and_has_no_finding() -> None:
    assert quality_confidence(CLEAR, POLICY) >= 0.8
    assert quality_findings(CLEAR, POLICY) == ()


@pytest.mark.parametrize(
    ("worse", "code"),
    [
        (replace(CLEAR, speech_s=0.5), "SPEECH_TOO_SHORT"),
        (replace(CLEAR, snr_db=4.0), "AUDIO_NOISY"),
        (replace(CLEAR, clipped_share=0.03), "AUDIO_CLIPPED"),
        (replace(CLEAR, bandwidth_hz=3400.0), "AUDIO_NARROWBAND"),
    ],
)
def test_each_condition_is_named_and_costs_confidence(worse: SpeechQuality, code: str) -> None:
    (finding,) = quality_findings(worse, POLICY)
    assert (finding.code, finding.refuses) == (code, False)
    assert finding.hint
    assert quality_confidence(worse, POLICY) < quality_confidence(CLEAR, POLICY)


@given(
    better=st.tuples(*(st.floats(0.0, 1.0) for _ in range(4))),
    share=st.tuples(*(st.floats(0.0, 1.0) for _ in range(4))),
)
def test_a_recording_worse_in_everything_is_trusted_less_and_has_every_finding(
    better: tuple[float, ...], share: tuple[float, ...]
) -> None:
    """The four measures as shares of their best, the second recording's at most the first's."""
    first, second = (
        SpeechQuality(5.0 * speech, 60.0 * snr, 1.0 - unclipped, 8000.0 * band)
        for speech, snr, unclipped, band in (
            better,
            tuple(one * part for one, part in zip(better, share, strict=True)),
        )
    )
    confidence = [quality_confidence(one, POLICY) for one in (first, second)]
    assert 0.0 < confidence[1] <= confidence[0] <= 1.0
    codes = [{one.code for one in quality_findings(each, POLICY)} for each in (first, second)]
    assert codes[0] <= codes[1]


def test_overdriven_sound_is_named_where_no_speech_was_heard() -> None:
    silent = recording(np.zeros(SAMPLE_RATE_HZ, np.float32))
    assert clipping_findings(silent, POLICY) == ()
    (finding,) = clipping_findings(replace(silent, clipped_share=0.03), POLICY)
    assert finding.code == "AUDIO_CLIPPED"


@pytest.mark.parametrize("rate_hz", [8_000, 11_025])
def test_a_recording_made_at_a_low_rate_is_narrow_below_the_threshold(rate_hz: int) -> None:
    samples = noise_at(rate_hz)
    found = measure_quality(recording(samples, (0.0, 2.0))).bandwidth_hz
    limit = POLICY.number("voice.quality.bandwidth_hz")
    assert found == pytest.approx(rate_hz / 2, rel=0.15)
    assert (found < limit) == (rate_hz == 8_000)


def test_confidence_only_falls_as_a_condition_worsens() -> None:
    for name, values in {
        "speech_s": np.linspace(4, 0, 40),
        "snr_db": np.linspace(60, 0, 40),
        "clipped_share": np.linspace(0, 1, 40),
        "bandwidth_hz": np.linspace(8000, 0, 40),
    }.items():
        found = [
            quality_confidence(replace(CLEAR, **{name: float(value)}), POLICY) for value in values
        ]
        assert found == sorted(found, reverse=True)
        assert found[-1] > 0
