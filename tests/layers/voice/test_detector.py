"""The embedded detector: contract, invariances, windows, and weights that match their card."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file, save_file

from layers.voice.detector.embedded import WEIGHTS, EmbeddedDetector
from layers.voice.detector.frontend import FrontEndConfig, LogSpectrum
from layers.voice.detector.network import SpeechNet
from layers.voice.detector.windows import cut_windows

Wave = npt.NDArray[np.float32]


def speech_like(seconds: float) -> Wave:
    """Build a buzz with formant-like colour and syllables, the same on every call."""
    t_s = np.arange(round(seconds * 16_000)) / 16_000
    rng = np.random.default_rng(7)
    buzz = sum(np.sin(2 * np.pi * 120 * k * t_s) / k for k in range(1, 40))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 3.0 * t_s)
    noise = 0.01 * rng.standard_normal(len(t_s))
    return np.asarray(0.1 * buzz * syllables + noise, dtype=np.float32)


@pytest.fixture(scope="module")
def detector() -> EmbeddedDetector:
    return EmbeddedDetector()


def test_same_waveform_same_score(detector: EmbeddedDetector) -> None:
    wave = speech_like(4.0)
    assert detector.score(wave) == detector.score(wave) == EmbeddedDetector().score(wave)


@pytest.mark.parametrize("gain", [0.02, 0.3, 2.5, -1.0])
def test_gain_and_polarity_change_nothing(detector: EmbeddedDetector, gain: float) -> None:
    wave = speech_like(3.0)
    changed = (wave * gain).astype(np.float32)
    assert detector.score(changed) == pytest.approx(detector.score(wave), abs=1e-2)


def test_silence_around_the_speech_is_left_out(detector: EmbeddedDetector) -> None:
    wave = speech_like(3.0)
    wave[:1_600] *= 0.0
    padded = np.concatenate([np.zeros(16_000, np.float32), wave, np.zeros(8_000, np.float32)])
    score = detector.score_windows(padded)
    assert score[0].start_s == pytest.approx(1.0, abs=0.03)
    assert score[-1].end_s <= 4.15


@pytest.mark.parametrize("seconds", [0.3, 0.5, 1.0, 3.2, 3.3, 9.7])
def test_any_length_from_the_shortest(detector: EmbeddedDetector, seconds: float) -> None:
    windows = detector.score_windows(speech_like(seconds))
    assert all(np.isfinite(window.score) for window in windows)
    assert windows[0].start_s == 0.0
    assert windows[-1].end_s == pytest.approx(seconds, abs=1e-3)
    assert all(b.start_s > a.start_s for a, b in pairwise(windows))


def test_clip_score_is_the_mean_of_its_windows(detector: EmbeddedDetector) -> None:
    wave = speech_like(8.0)
    scores = [window.score for window in detector.score_windows(wave)]
    assert len(scores) == 4
    assert detector.score(wave) == pytest.approx(float(np.mean(scores)))


def test_windows_hold_a_repeated_short_clip() -> None:
    wave = speech_like(0.4)
    (window,) = cut_windows(wave)
    assert len(window.samples) == 51_200
    np.testing.assert_array_equal(window.samples[6_400:12_800], wave)


@pytest.mark.parametrize(
    ("wave", "error", "message"),
    [
        (speech_like(0.2), ValueError, r"expected at least 0\.3 s .* got 0\.200 s"),
        (speech_like(1.0).astype(np.float64), TypeError, "expected a float32 array, got float64"),
        (np.stack([speech_like(1.0)] * 2), ValueError, r"expected shape \(samples,\), got \(2,"),
        (np.full(16_000, np.nan, np.float32), ValueError, "expected finite samples"),
        (np.zeros(16_000, np.float32), ValueError, "got digital silence"),
    ],
)
def test_bad_input_is_named(
    detector: EmbeddedDetector, wave: Wave, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        detector.score(wave)


def test_front_end_sees_100_to_7000_hz_only() -> None:
    frontend = LogSpectrum(FrontEndConfig())
    t_s = torch.arange(32_000) / 16_000
    wave = torch.sin(2 * torch.pi * 1_000 * t_s)[None] + 0.01 * torch.randn(1, 32_000)
    assert frontend(wave).shape == (1, 1, 221, 201)
    hum = wave + 0.01 * torch.sin(2 * torch.pi * 30 * t_s)
    top = wave + 0.01 * torch.sin(2 * torch.pi * 7_600 * t_s)
    inner = slice(5, -5)
    for changed in (hum, top):
        difference = (frontend(changed) - frontend(wave))[..., 3:-3, inner].abs()
        assert float(difference.mean()) < 0.02


def test_static_channel_colour_is_removed() -> None:
    frontend = LogSpectrum(FrontEndConfig())
    assert float(frontend(torch.randn(2, 20_000)).mean(3).abs().max()) < 1e-4


def test_weights_are_loaded_strictly(tmp_path: Path) -> None:
    tensors = load_file(WEIGHTS)
    tensors.pop("0.score.bias")
    save_file(tensors, tmp_path / "short.safetensors", {"n_fft": "512,384,512"})
    with pytest.raises(RuntimeError, match=r"Missing key.*0\.score\.bias"):
        EmbeddedDetector(tmp_path / "short.safetensors")


def test_digest_matches_the_file_and_its_card(detector: EmbeddedDetector) -> None:
    card = json.loads((WEIGHTS.parent / "embedded.json").read_text(encoding="utf-8"))
    assert detector.digest == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == card["sha256"]


def test_a_score_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    network = SpeechNet(FrontEndConfig()).eval()
    waves = torch.randn(3, 32_000)
    with torch.inference_mode():
        together, alone = network(waves), network(waves[1:2])
    assert together.shape == (3,)
    assert float(alone[0]) == pytest.approx(float(together[1]), abs=1e-4)
