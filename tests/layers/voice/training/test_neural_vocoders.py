"""The generators that make training attacks: shapes, verified files, colour, learning."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import signal

from layers.voice.slaney_mel import slaney_filters
from layers.voice.training.candidates import build_network
from layers.voice.training.fit_vocoders import fit_vocoder, spectral_loss
from layers.voice.training.neural_vocoders import RECIPES, Vocoder, VocoderRecipe
from layers.voice.training.published_vocoders import MELGAN_FILE, verified
from layers.voice.training.resynthesis import (
    NeuralVocoder,
    load_neural,
    match_colour,
    model_like,
    neural_attack,
)


def _tone(hz: float, samples: int = 16_000) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    t_s = np.arange(samples) / 16_000
    return np.asarray(0.3 * np.sin(2.0 * np.pi * hz * t_s), dtype=np.float32)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_generator_returns_as_many_samples_as_it_was_given(recipe: VocoderRecipe) -> None:
    vocoder = Vocoder(recipe).eval()
    wave = torch.from_numpy(_tone(220.0, 20 * recipe.hop))[None]

    with torch.inference_mode():
        made = vocoder(wave)

    assert made.shape == wave.shape
    assert torch.isfinite(made).all()


def test_a_codec_passes_eighths_only() -> None:
    recipe = next(recipe for recipe in RECIPES if recipe.kind == "codec")
    with torch.inference_mode():
        latent = Vocoder(recipe).analysis(torch.from_numpy(_tone(220.0, 20 * recipe.hop))[None])

    assert latent.shape == (1, recipe.bands, 20)
    assert torch.allclose(8.0 * latent, torch.round(8.0 * latent), atol=1e-4)


def test_a_generator_learns_noise() -> None:
    recipe = VocoderRecipe("tiny", "spectrum", (256,), 16, bands=20, steps=9)
    rng = np.random.default_rng(0)
    waves = [0.1 * rng.standard_normal(16_000).astype(np.float32) for _ in range(3)]
    torch.manual_seed(1)
    untaught = Vocoder(recipe)
    taught = fit_vocoder(waves, recipe, 1, logging.getLogger("test"))
    wave = torch.from_numpy(waves[1][:12_800])[None]

    with torch.inference_mode():
        before = spectral_loss(untaught(wave), wave)
        after = spectral_loss(taught(wave), wave)

    assert after < 0.85 * before


def test_mel_filters_have_equal_area() -> None:
    filters = slaney_filters(80, 22_050, 1024, 0.0, 8_000.0)

    areas = filters[30:].sum(1) * 22_050 / 1024
    assert np.allclose(areas, 1.0, atol=0.05)


def test_a_missing_or_other_weight_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"docs/voice\.md"):
        verified(tmp_path, MELGAN_FILE)
    (tmp_path / MELGAN_FILE).write_bytes(b"something else")
    with pytest.raises(ValueError, match="SHA-256"):
        verified(tmp_path, MELGAN_FILE)
    with pytest.raises(ValueError, match="SHA-256"):
        load_neural(tmp_path)


def test_the_original_colour_comes_back() -> None:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(48_000).astype(np.float32)
    sections = signal.butter(2, 1_500.0, fs=16_000, output="sos")
    dull = signal.sosfilt(sections, noise).astype(np.float32)

    coloured = match_colour(noise, dull)

    _, have = signal.welch(coloured, 16_000, nperseg=512)
    _, want = signal.welch(dull, 16_000, nperseg=512)
    middle = slice(10, 120)
    assert np.mean(np.abs(10.0 * np.log10(have[middle] / want[middle]))) < 1.5


def test_blurred_frames_keep_their_shape_and_change() -> None:
    frames = torch.randn(80, 100, generator=torch.Generator().manual_seed(1))
    for seed in range(8):
        blurred = model_like(frames, np.random.default_rng(seed))
        assert blurred.shape == frames.shape
        assert not torch.equal(blurred, frames)


def test_an_attack_has_the_length_of_its_original_within_a_frame() -> None:
    keep = NeuralVocoder("keep", 1.0, torch.from_numpy, lambda frames: frames.numpy(), False)
    wave = _tone(300.0, 24_000)

    for seed in range(6):
        name, made = neural_attack(wave, (keep,), np.random.default_rng(seed))
        assert name == "keep"
        assert made.dtype == np.float32
        assert abs(len(made) - len(wave)) <= 2


@pytest.mark.parametrize("kind", ["spectrum", "cepstra", "raw"])
def test_every_candidate_scores_a_batch(kind: str) -> None:
    network = build_network(kind, 512).eval()
    waves = torch.randn(2, 32_000, generator=torch.Generator().manual_seed(2))

    with torch.inference_mode():
        scores = network.classify(network.frontend(waves))

    assert scores.shape == (2,)
    assert torch.isfinite(scores).all()


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="expected spectrum"):
        build_network("quantum", 512)
