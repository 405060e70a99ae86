"""Lip-sync: a known lag is found, noise is not in sync, what says nothing is not measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from layers.capture.types import Audio, Capture
from layers.vision import lip_sync, mesh, mouth_anomaly
from layers.vision.lip_sync import RATE_HZ, Floats, LipSync
from layers.vision.scene import prepare
from tests.layers.vision.vision_builders import astronaut, capture_of
from verdict.evidence import SignalResult
from verdict.policy import load_policy

POLICY = load_policy()
LENGTH_S = 8.0


def syllables(seed: int, length_s: float = LENGTH_S) -> Floats:
    """Loudness or opening at 100 values a second: noise in the band of syllables, 0 to 1."""
    n = round(length_s * 100)
    frequency = np.fft.rfftfreq(n, 0.01)
    noise = np.fft.rfft(np.random.default_rng(seed).normal(size=n))
    noise[(frequency < 2.5) | (frequency > 6)] = 0
    wave = np.fft.irfft(noise, n)
    values: Floats = 0.5 + 0.5 * wave / np.abs(wave).max()
    return values


def beat(rate_hz: float) -> Floats:
    """The same, opening `rate_hz` times a second."""
    wave: Floats = 0.5 + 0.5 * np.sin(2 * np.pi * rate_hz * np.arange(0, LENGTH_S, 0.01))
    return wave


def sound(loudness: Floats, offset_s: float = 0.0) -> Audio:
    n = len(loudness)
    level = (20 * np.log10(np.maximum(loudness, 1e-3))).astype(np.float32)
    speech = ((0.0, n / 100),)
    return Audio(np.zeros(n * 160, np.float32), speech, level, 0.01, offset_s)


def talking(
    opening: Floats, audio: Audio, *, fps: float = 25.0, lead_s: float = 0.0, size: float = 1.0
) -> Capture:
    """A face whose lower lip and chin move by `opening`, `lead_s` before its time."""
    landmarks = astronaut().landmarks
    width = float(mesh.face_width(landmarks))
    times = np.arange(0, len(opening) / 100 - 0.02, 1 / fps)
    frames = []
    for value in np.interp(times + lead_s, np.arange(len(opening)) / 100, opening):
        moved = landmarks.copy()
        moved[14] = moved[13]
        moved[[14, 17, mesh.CHIN], 1] += 0.2 * width * float(value)
        frames.append(size * moved)
    return capture_of([], frames, rate_hz=fps, audio=audio)


def measured(capture: Capture) -> LipSync:
    return lip_sync.measure(capture, POLICY)


@pytest.mark.parametrize("lag_s", [-0.31, -0.1, 0.0, 0.033, 0.27])
def test_a_known_lag_is_found_between_the_values(lag_s: float) -> None:
    fine = np.arange(0, 20, 1 / RATE_HZ)
    rates = 2.0 + 0.37 * np.arange(12)[:, None]
    early, there = (
        np.sin(2 * np.pi * rates * (t_s + 0.3 * rates)).sum(axis=0) for t_s in (fine + lag_s, fine)
    )
    curve = lip_sync.correlation_curve(early[None], there)
    found_s, height = lip_sync.best(*curve)
    assert found_s == pytest.approx(lag_s, abs=0.003)
    assert height == pytest.approx(1.0, abs=0.02)


def test_a_mouth_that_follows_the_sound_is_in_sync() -> None:
    loudness = syllables(1)
    sync = measured(talking(loudness, sound(loudness)))
    assert sync.correlation is not None
    assert sync.correlation > 0.9
    assert sync.lag_s == pytest.approx(0.0, abs=0.02)
    assert sync.beats_shifted == 1.0
    assert sync.sharpness is not None
    assert sync.sharpness > 0.5
    assert (sync.start_s, sync.end_s) == pytest.approx((0.0, LENGTH_S), abs=0.1)


def test_the_lag_is_positive_where_the_mouth_leads() -> None:
    loudness = syllables(2)
    assert measured(talking(loudness, sound(loudness), lead_s=0.15)).lag_s == pytest.approx(
        0.15, abs=0.02
    )
    assert measured(talking(loudness, sound(loudness, 0.1))).lag_s == pytest.approx(0.1, abs=0.02)


def test_sound_that_comes_too_late_is_not_in_sync() -> None:
    loudness = syllables(3)
    sync = measured(talking(loudness, sound(loudness, 0.4)))
    assert sync.correlation is not None
    assert sync.lag_correlation is not None
    assert sync.lag_s == pytest.approx(0.4, abs=0.02)
    assert sync.correlation < 0.5 < 0.9 < sync.lag_correlation


def test_another_voice_correlates_no_better_than_its_own_shifts() -> None:
    values = [measured(talking(syllables(seed), sound(syllables(seed + 50)))) for seed in range(5)]
    correlations = [sync.correlation for sync in values if sync.correlation is not None]
    assert len(correlations) == 5
    assert max(correlations) < 0.5
    sharpness = [sync.sharpness for sync in values if sync.sharpness is not None]
    assert abs(float(np.median(sharpness))) < 0.1


def test_a_beat_is_as_good_shifted_as_in_place() -> None:
    # A mouth that opens four times a second fits a sound of that beat at every shift.
    sync = measured(talking(beat(4.0), sound(beat(4.0))))
    assert sync.correlation is not None
    assert sync.correlation > 0.9
    assert sync.sharpness is not None
    assert sync.sharpness < 0.2


def test_a_mouth_that_stands_still_is_still_and_not_uncorrelated() -> None:
    loudness = syllables(4)
    sync = measured(talking(np.full_like(loudness, 0.5), sound(loudness)))
    assert sync.still
    assert sync.correlation is None
    assert lip_sync.p_attack(sync, POLICY) is None


@pytest.mark.parametrize(("fps", "reason"), [(8.0, "8 frames a second"), (0.8, "frame")])
def test_too_few_frames_are_not_measured(fps: float, reason: str) -> None:
    loudness = syllables(5)
    sync = measured(talking(loudness, sound(loudness), fps=fps))
    assert sync.correlation is None
    assert not sync.still
    assert reason in sync.reason


def test_too_little_speech_is_not_measured() -> None:
    loudness = syllables(6)
    capture = talking(loudness, replace(sound(loudness), speech=((1.0, 2.9),)))
    assert "of speech" in measured(capture).reason
    assert measured(replace(capture, audio=None)).reason == "no speech on the sound track"


def test_little_speech_and_a_small_mouth_lower_the_confidence() -> None:
    loudness = syllables(7)
    whole = measured(talking(loudness, sound(loudness)))
    short = talking(loudness, replace(sound(loudness), speech=((1.0, 4.5),)))
    tiny = talking(loudness, sound(loudness), size=0.2)
    assert whole.confidence == 1.0
    assert 0.0 < measured(short).confidence < 1.0
    assert 0.0 <= measured(tiny).confidence < 1.0


def test_the_threshold_is_one_half_at_full_confidence() -> None:
    threshold = POLICY.number("vision.lip_sync.threshold")
    at = LipSync(correlation=threshold, confidence=1.0)
    assert lip_sync.p_attack(at, POLICY) == pytest.approx(0.5)
    assert lip_sync.p_attack(replace(at, confidence=0.4), POLICY) == pytest.approx(0.2)
    higher = lip_sync.p_attack(replace(at, correlation=threshold + 0.1), POLICY)
    assert higher is not None
    assert higher < 0.5


def signal_of(capture: Capture) -> SignalResult:
    return mouth_anomaly.measure(prepare(capture), POLICY).signal


def test_a_mouth_against_the_sound_fires_the_signal() -> None:
    # Tones of different rates have nothing in common, whatever the lag.
    slow, fast = beat(3.0), beat(5.0)
    against = signal_of(talking(slow, sound(fast)))
    assert against.fired
    assert against.frames
    assert "does not move with the sound" in against.reason
    by_name = {one.name: one.value for one in against.measurements}
    assert by_name["lip_sync_correlation"] == pytest.approx(0.0, abs=0.1)
    assert not signal_of(talking(slow, sound(slow))).fired


def test_a_still_mouth_fires_by_itself() -> None:
    loudness = syllables(9)
    signal = signal_of(talking(np.full_like(loudness, 0.5), sound(loudness)))
    assert signal.fired
    by_name = {one.name: one for one in signal.measurements}
    assert by_name["lip_sync_correlation"].value is None
    assert "stands still" in by_name["lip_sync_correlation"].note
