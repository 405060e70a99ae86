"""Replay measures move as rooms and loudspeakers make them; the report counts what it should."""

from dataclasses import replace

import numpy as np
import pytest

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray
from layers.voice.training.data import Row
from layers.voice.training.replay import Chain, Loudspeaker, played, through_chain
from layers.voice.training.replay_cue import (
    Measured,
    bass_table,
    chosen_rows,
    loudspeaker_kind,
    separation_table,
    telephone,
)
from layers.voice.training.replay_measures import replay_measures

ROW = Row("a.flac", True, "", "one", "p", "dev", True, True, "flac", False, False)


def syllables() -> FloatArray:
    """Pulses at 120 Hz through a low-pass, on for 150 ms and off for 150 ms."""
    t_s = np.arange(3 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    pulses = np.zeros(len(t_s))
    pulses[:: SAMPLE_RATE_HZ // 120] = 1.0
    voiced = np.convolve(pulses, np.exp(-np.arange(200) / 12.0), mode="same")
    noise = 0.001 * np.random.default_rng(0).standard_normal(len(t_s))
    return (0.3 * voiced * (t_s % 0.3 < 0.15) + noise).astype(np.float32)


def test_a_room_slows_the_decay_and_fills_the_gaps_between_pulses() -> None:
    room = Chain(None, rt60_s=0.7, volume_m3=30.0, distance_m=1.2, colour_db=0.0, snr_db=60.0)
    dry = replay_measures(syllables())
    wet = replay_measures(through_chain(syllables(), room, np.random.default_rng(0)))
    assert wet["steepest_decay_db"] > dry["steepest_decay_db"] + 3.0
    assert wet["residual_kurtosis"] < dry["residual_kurtosis"] - 0.3


def test_a_loudspeaker_takes_the_bass() -> None:
    phone = Loudspeaker(low_hz=600.0, high_hz=8_000.0, order=4, harmonic_share=0.0)
    before, after = replay_measures(syllables()), replay_measures(played(syllables(), phone))
    assert after["low_end_db"] < before["low_end_db"] - 15.0


def test_a_telephone_line_passes_the_voice_band_only() -> None:
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE_HZ).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(telephone(noise))))
    assert power[500:3_000].mean() > 100 * power[:150].mean()
    assert power[500:3_000].mean() > 100 * power[6_000:].mean()


@pytest.mark.parametrize(
    ("low_hz", "kind"), [(60.0, "hi-fi"), (300.0, "laptop or large phone"), (700.0, "phone")]
)
def test_loudspeakers_are_named_by_their_bass(low_hz: float, kind: str) -> None:
    assert loudspeaker_kind(Loudspeaker(low_hz, 8_000.0, 2, 0.0)) == kind


def test_a_large_source_does_not_fill_the_split() -> None:
    rows = [replace(ROW, path=f"{n}.flac") for n in range(60)]
    others = [replace(ROW, source="two"), replace(ROW, bonafide=False), replace(ROW, split="test")]
    assert len(list(chosen_rows(rows + others, "dev"))) == 41


def test_tables_say_what_was_flagged_and_told_apart() -> None:
    people, replayed = np.array([[-2.0], [-4.0], [-30.0]]), np.array([[-40.0], [-35.0], [-3.0]])
    kinds = ("phone", "phone", "hi-fi")
    split = Measured(("low_end_db",), ("a", "a", "b"), kinds, people, people, replayed, people)
    rows = bass_table({"dev": split}, -26.0)
    assert "| dev | replayed, all | 66.7 %" in rows
    assert "| dev | replayed, hi-fi | 0.0 %" in rows
    assert "| dev | people as recorded: b | 100.0 %" in rows
    assert "people as recorded: a" not in rows
    assert "| low_end_db | 0.78 [" in separation_table({"dev": split})
