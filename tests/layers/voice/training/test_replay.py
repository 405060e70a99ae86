"""The replay chain does what its parameters say: band, decay, distance, noise, harmonics."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray
from layers.voice.training.replay import (
    Chain,
    Codec,
    Loudspeaker,
    draw_chain,
    played,
    replay,
    room_impulse,
    through_chain,
)

PHONE = Loudspeaker(low_hz=600.0, high_hz=6_500.0, order=2, harmonic_share=0.0)
ROOM = Chain(
    None, rt60_s=0.4, volume_m3=30.0, distance_m=0.8, colour_db=0.0, snr_db=60.0, stolen_as=None
)
OPUS = Codec("libopus", "ogg", 48_000, 32_000)


def noise(seconds: float = 2.0) -> FloatArray:
    drawn = np.random.default_rng(2).standard_normal(round(seconds * SAMPLE_RATE_HZ))
    return (0.1 * drawn).astype(np.float32)


def tone(hz: float, amplitude: float = 0.5) -> FloatArray:
    t_s = np.arange(2 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    made: FloatArray = (amplitude * np.sin(2 * np.pi * hz * t_s)).astype(np.float32)
    return made


def amplitude(wave: FloatArray, hz: float) -> float:
    """Amplitude of a whole number of periods in the second half, where filters have settled."""
    half = wave[len(wave) // 2 :].astype(np.float64)
    t_s = np.arange(len(half)) / SAMPLE_RATE_HZ
    return float(2 * np.abs(np.mean(half * np.exp(-2j * np.pi * hz * t_s))))


def decay_s(impulse: npt.NDArray[np.float64]) -> float:
    """RT60 by Schroeder's backward integration, from the slope between -5 and -25 dB."""
    left = 10 * np.log10(np.cumsum(np.square(impulse[1:])[::-1])[::-1])
    left -= left[0]
    first, last = np.argmax(left < -5), np.argmax(left < -25)
    slope = np.polyfit(np.arange(first, last) / SAMPLE_RATE_HZ, left[first:last], 1)[0]
    return float(-60 / slope)


@pytest.mark.parametrize("order", [2, 4])
def test_the_loudspeaker_is_3_db_down_at_its_edges(order: int) -> None:
    speaker = replace(PHONE, order=order)
    for hz in (speaker.low_hz, speaker.high_hz):
        level_db = 20 * np.log10(amplitude(played(tone(hz), speaker), hz) / 0.5)
        assert level_db == pytest.approx(-3.01, abs=0.25)
    octave_below = amplitude(played(tone(300.0), speaker), 300.0) / 0.5
    assert 20 * np.log10(octave_below) == pytest.approx(-6.02 * order, abs=1.0)


def test_harmonics_have_the_share_that_was_asked() -> None:
    speaker = Loudspeaker(low_hz=20.0, high_hz=16_000.0, order=2, harmonic_share=0.05)
    made = played(tone(500.0), speaker)
    assert amplitude(made, 1_000.0) / 0.5 == pytest.approx(0.05, rel=0.05)
    assert amplitude(made, 1_500.0) / 0.5 == pytest.approx(0.05, rel=0.15)
    assert amplitude(made, 2_000.0) / 0.5 < 0.001


@pytest.mark.parametrize("rt60_s", [0.1, 0.3, 0.8])
def test_the_room_decays_as_asked(rt60_s: float) -> None:
    chain = replace(ROOM, rt60_s=rt60_s)
    found = [decay_s(room_impulse(chain, np.random.default_rng(seed))) for seed in range(20)]
    assert np.median(found) == pytest.approx(rt60_s, rel=0.12)


def test_direct_against_reverberant_falls_by_6_db_with_each_doubling_of_the_distance() -> None:
    near, far = replace(ROOM, distance_m=0.25), replace(ROOM, distance_m=0.5)
    assert near.direct_to_reverberant_db - far.direct_to_reverberant_db == pytest.approx(6.02, 0.01)
    impulse = room_impulse(far, np.random.default_rng(0))
    ratio_db = -10 * np.log10(np.sum(np.square(impulse[1:])))
    assert ratio_db == pytest.approx(far.direct_to_reverberant_db, abs=0.01)


def test_noise_floor_has_the_level_that_was_asked() -> None:
    wave, rng = noise(3.0), np.random.default_rng
    clean = through_chain(wave, replace(ROOM, snr_db=120.0), rng(1))
    noisy = through_chain(wave, replace(ROOM, snr_db=20.0), rng(1))
    ratio_db = 20 * np.log10(float(np.std(clean) / np.std(noisy - clean)))
    assert ratio_db == pytest.approx(20.0, abs=0.3)


@pytest.mark.parametrize("seed", range(6))
def test_length_level_and_bounds_are_kept_and_a_seed_decides_everything(seed: int) -> None:
    wave = noise(1.3)
    made = replay(wave, np.random.default_rng(seed))
    assert made.dtype == np.float32
    assert made.shape == wave.shape
    assert np.abs(made).max() <= 1.0
    assert np.std(made) == pytest.approx(np.std(wave), rel=0.03)
    np.testing.assert_array_equal(made, replay(wave, np.random.default_rng(seed)))
    assert not np.array_equal(made, replay(wave, np.random.default_rng(seed + 100)))


@pytest.mark.parametrize("codec", [OPUS, Codec("aac", "adts", 44_100, 96_000)])
def test_a_codec_keeps_the_clip_in_place(codec: Codec) -> None:
    wave = noise(1.0)
    chain = replace(ROOM, rt60_s=0.1, distance_m=0.01, snr_db=90.0, sent_as=codec)
    made = through_chain(wave, chain, np.random.default_rng(0))
    lag = int(np.argmax(np.correlate(made, wave[8_000:12_000], "valid"))) - 8_000
    assert abs(lag) < 0.002 * SAMPLE_RATE_HZ


def test_without_codecs_none_is_used() -> None:
    wave, rng = noise(1.0), np.random.default_rng(4)
    bare = replace(draw_chain(rng), stolen_as=None, sent_as=None)
    np.testing.assert_array_equal(
        through_chain(wave, bare, rng), replay(wave, np.random.default_rng(4), coded=False)
    )


def test_drawn_chains_stay_within_the_published_ranges() -> None:
    chains = [draw_chain(np.random.default_rng(seed)) for seed in range(200)]
    assert all(0.1 <= one.rt60_s <= 0.8 and 0.1 <= one.distance_m <= 1.5 for one in chains)
    speakers = [one.loudspeaker for one in chains if one.loudspeaker is not None]
    assert len(speakers) == 200
    share_small = np.mean([one.low_hz >= 180.0 for one in speakers])
    assert share_small == pytest.approx(0.83, abs=0.08)
