"""Sound of every accepted kind becomes 16 kHz mono without NaN."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from layers.capture.audio import resampled
from layers.capture.load import load_audio_only, load_video
from layers.capture.types import Audio, MediaKind
from tests.layers.capture.media_builders import (
    empty_room,
    tone_of,
    write_sound,
    write_video,
    write_wav,
)


def _strongest_hz(audio: Audio) -> float:
    spectrum = np.abs(np.fft.rfft(audio.samples))
    return float(np.argmax(spectrum) / audio.duration_s)


@pytest.mark.parametrize("kind", ["u8", "s16", "s24", "f32", "f64"])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_wav(tmp_path: Path, kind: str, rate_hz: int) -> None:
    capture = load_audio_only(write_wav(tmp_path / "a.wav", tone_of(1.0, rate_hz), rate_hz, kind))
    audio = capture.audio
    assert audio is not None
    assert capture.source.kind is MediaKind.AUDIO
    assert audio.samples.dtype == np.float32
    assert audio.duration_s == pytest.approx(1.0, abs=0.005)
    assert _strongest_hz(audio) == pytest.approx(440.0, abs=1.5)
    assert np.abs(audio.samples).max() == pytest.approx(0.5, abs=0.02)
    assert (audio.original_rate_hz, audio.clipped_share) == (rate_hz, 0.0)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.flac", "flac"),
        ("a.mp3", "libmp3lame"),
        ("a.m4a", "aac"),
        ("a.aac", "aac"),
        ("a.ogg", "libopus"),
        ("a.webm", "libopus"),
    ],
)
def test_compressed_sound(tmp_path: Path, name: str, codec: str) -> None:
    audio = load_audio_only(write_sound(tmp_path / name, 1.0, codec)).audio
    assert audio is not None
    assert audio.duration_s == pytest.approx(1.0, abs=0.08)
    assert _strongest_hz(audio) == pytest.approx(440.0, abs=3.0)


def test_float_wav_with_nan_infinity_and_too_loud_samples(tmp_path: Path) -> None:
    values = tone_of(1.0, 48_000)
    values[1000:1100] = np.nan
    values[2000] = np.inf
    values[3000:3100] = 7.0
    audio = load_audio_only(write_wav(tmp_path / "a.wav", values, 48_000, "f32")).audio
    assert audio is not None
    assert np.isfinite(audio.samples).all()
    assert np.abs(audio.samples).max() <= 1.0
    assert audio.clipped_share == pytest.approx(101 / 48_000)


@pytest.mark.parametrize("kind", ["u8", "s16", "f32"])
def test_clipping_is_measured_before_resampling(tmp_path: Path, kind: str) -> None:
    loud = np.clip(tone_of(1.0, 44_100, amplitude=2.0), -1.0, 1.0)
    capture = load_audio_only(write_wav(tmp_path / "a.wav", loud, 44_100, kind))
    assert capture.audio is not None
    # A sine of amplitude 2 is above 1 for 2/3 of its period.
    assert capture.audio.clipped_share == pytest.approx(2 / 3, abs=0.01)


def test_a_fifth_of_a_second_is_a_finding(tmp_path: Path) -> None:
    capture = load_audio_only(write_wav(tmp_path / "a.wav", tone_of(0.2, 16_000), 16_000, "s16"))
    assert capture.audio is not None
    assert capture.audio.duration_s == pytest.approx(0.2)
    finding = next(one for one in capture.findings if one.code == "AUDIO_TOO_SHORT")
    assert finding.value == pytest.approx(0.2)
    assert not finding.refuses
    assert finding.hint


def test_resampling_keeps_length_and_bounds() -> None:
    square = np.sign(tone_of(0.5, 48_000)).astype(np.float32)
    samples = resampled(square, 48_000)
    assert len(samples) == pytest.approx(8_000, abs=40)
    assert np.abs(samples).max() <= 1.0


def test_video_with_and_without_sound(tmp_path: Path) -> None:
    with_sound = write_video(tmp_path / "a.mp4", [empty_room()] * 10, sound_s=0.6)
    capture = load_video(with_sound)
    assert capture.audio is not None
    assert capture.audio.duration_s == pytest.approx(0.6, abs=0.06)
    assert abs(capture.audio.offset_s) < 0.1
    silent = load_video(write_video(tmp_path / "b.mp4", [empty_room()] * 10))
    assert silent.audio is None
    other = write_wav(tmp_path / "c.wav", tone_of(0.3, 16_000), 16_000, "s16")
    replaced = load_video(with_sound, audio_path=other)
    assert replaced.audio is not None
    assert replaced.audio.duration_s == pytest.approx(0.3)
