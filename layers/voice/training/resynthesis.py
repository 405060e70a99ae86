"""Neural attacks: a real clip through a neural vocoder, used as text-to-speech would use it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from scipy import signal
from torch import Tensor

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.training.augment import Wave, change_speed, set_level
from layers.voice.training.neural_vocoders import LEVEL_DB, RECIPES, Vocoder
from layers.voice.training.published_vocoders import MelGan, MultiBandMelGan

Rng = np.random.Generator

# By how close a resynthesis comes to its original: coarse ones teach little.
_OWN_SHARES = {"spectrum_head": 0.35, "neural_codec": 0.1, "upsampling_gan": 0.1}


@dataclass(frozen=True, slots=True)
class NeuralVocoder:
    """One generator: its name, how often it is drawn, frames from a wave and the wave from them."""

    name: str
    share: float
    analyse: Callable[[Wave], Tensor]
    synthesise: Callable[[Tensor], Wave]
    smooth: bool = True


def load_neural(folder: Path) -> tuple[NeuralVocoder, ...]:
    """Load every generator of a folder: our own fitted ones and the two published ones.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing or isn't the one that is expected.
    """
    melgan, multi_band = MelGan(folder), MultiBandMelGan(folder)
    loaded = [
        NeuralVocoder("melgan", 0.3, melgan.mel, melgan.wave),
        NeuralVocoder("multi_band_melgan", 0.15, multi_band.mel, multi_band.wave),
    ]
    for recipe in RECIPES:
        path = folder / f"{recipe.name}.safetensors"
        if not path.is_file():
            raise FileNotFoundError(f"{path}: fit it with layers.voice.training.fit_vocoders")
        vocoder = Vocoder(recipe)
        vocoder.load_state_dict(load_file(path), strict=True)
        loaded.append(_own(recipe.name, vocoder.eval(), smooth=recipe.kind != "codec"))
    return tuple(loaded)


def _own(name: str, vocoder: Vocoder, smooth: bool) -> NeuralVocoder:
    def analyse(wave: Wave) -> Tensor:
        whole = np.resize(wave, -(-len(wave) // vocoder.hop) * vocoder.hop)
        with torch.inference_mode():
            frames: Tensor = vocoder.analysis(torch.from_numpy(whole)[None])[0]
        return frames

    def synthesise(frames: Tensor) -> Wave:
        with torch.inference_mode():
            made: Wave = vocoder.decoder(frames[None])[0].numpy()
        return made

    return NeuralVocoder(name, _OWN_SHARES[name], analyse, synthesise, smooth)


def model_like(frames: Tensor, rng: Rng) -> Tensor:
    """Blur log-mel frames as acoustic models do: over time, over bands, or to a low rank."""
    kind = rng.random()
    if kind < 0.4:
        width = int(rng.choice((3, 5)))
        kernel = torch.ones(1, 1, width) / width
        padded = torch.nn.functional.pad(frames[:, None], (width // 2, width // 2), "replicate")
        return torch.nn.functional.conv1d(padded, kernel)[:, 0]
    if kind < 0.6:
        padded = torch.nn.functional.pad(frames.T[:, None], (1, 1), "replicate")
        return torch.nn.functional.conv1d(padded, torch.ones(1, 1, 3) / 3.0)[:, 0].T.contiguous()
    if kind < 0.8:
        mean = frames.mean(1, keepdim=True)
        rank = min(int(rng.integers(12, 32)), min(frames.shape) - 1)
        left, values, right = torch.linalg.svd(frames - mean, full_matrices=False)
        kept: Tensor = mean + (left[:, :rank] * values[:rank]) @ right[:rank]
        return kept
    noise = rng.standard_normal(tuple(frames.shape)).astype(np.float32)
    return frames + 0.1 * torch.from_numpy(noise)


def match_colour(made: Wave, wave: Wave) -> Wave:
    """Give a resynthesis the smoothed long-term spectrum of its original (linear phase)."""
    _, want = signal.welch(wave, SAMPLE_RATE_HZ, nperseg=512)
    _, have = signal.welch(made, SAMPLE_RATE_HZ, nperseg=512)
    smooth = np.ones(9) / 9.0
    gain = np.sqrt(np.convolve(want, smooth, "same") / (np.convolve(have, smooth, "same") + 1e-12))
    gain = np.clip(gain, 0.05, 20.0)
    taps = signal.firwin2(257, np.linspace(0.0, 1.0, len(gain)), gain)
    coloured: Wave = signal.fftconvolve(made, taps, "same").astype(np.float32)
    return coloured


def neural_attack(wave: Wave, vocoders: tuple[NeuralVocoder, ...], rng: Rng) -> tuple[str, Wave]:
    """One randomly drawn neural vocoder over one real clip: its name and the attack.

    Half of the time the vocoder runs on sped-up or slowed-down speech that is set back
    afterwards, which moves its traces as another sampling rate would.
    """
    shares = np.array([vocoder.share for vocoder in vocoders])
    vocoder = vocoders[int(rng.choice(len(vocoders), p=shares / shares.sum()))]
    speed = float(rng.uniform(0.75, 1.3)) if rng.random() < 0.5 else 1.0
    source = set_level(wave, LEVEL_DB)
    frames = vocoder.analyse(change_speed(source, speed) if speed != 1.0 else source)
    if vocoder.smooth and rng.random() < 0.4:
        frames = model_like(frames, rng)
    made = vocoder.synthesise(frames)
    if speed != 1.0:
        made = change_speed(made, 1.0 / speed)
    made = match_colour(np.ascontiguousarray(made[: len(wave)]), source)
    return vocoder.name, set_level(made, LEVEL_DB)
