"""Small neural vocoders and a neural codec of our own: what generators of speech have in common.

They are fitted on the very bona fide rows that they then resynthesise (`fit_vocoders`), kept in the
work folder and never shipped: only what the detector learnt from their output is.

References
----------
Kong et al., 2020 (HiFi-GAN): transposed convolutions and multi-receptive-field residual blocks.
Siuzdak, 2023 (Vocos): ConvNeXt blocks at frame rate, spectrum head, inverse STFT.
Zeghidour et al., 2021 (SoundStream): strided encoder, coarse latents, mirrored decoder.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.training.synthesis import mel_matrix

LEVEL_DB = -22.0
"""Level that the generators are fitted at and expect."""


@dataclass(frozen=True, slots=True)
class VocoderRecipe:
    """One generator.

    Parameters
    ----------
    name : str
        How the attacks made with it are called, after ``self:``.
    kind : str
        ``wave`` (mel to waveform by upsampling), ``spectrum`` (mel to spectrum, inverse STFT) or
        ``codec`` (waveform to coarse latents and back).
    strides : tuple of int
        Upsampling factors; their product is the hop in samples.
    channels : int
        Width at the lowest rate.
    bands : int
        Mel bands, or latent dimensions of a codec.
    steps : int
        Updates.
    """

    name: str
    kind: str
    strides: tuple[int, ...]
    channels: int
    bands: int = 80
    steps: int = 1_500

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return math.prod(self.strides)


RECIPES = (
    VocoderRecipe("spectrum_head", "spectrum", (256,), 192, steps=2_400),
    VocoderRecipe("neural_codec", "codec", (5, 4, 4, 2), 96, bands=24, steps=600),
    VocoderRecipe("upsampling_gan", "wave", (8, 8, 4), 128, steps=1_200),
)


class LogMel(nn.Module):
    """Log-mel frames, one per hop: ``(batch, samples)`` to ``(batch, bands, samples // hop)``."""

    def __init__(self, bands: int, hop: int) -> None:
        super().__init__()
        self.hop, self.n_fft = hop, 1024
        matrix = torch.from_numpy(mel_matrix(bands, self.n_fft, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ / 2))
        self.register_buffer("matrix", matrix / matrix.sum(1, keepdim=True).clamp(min=1e-5))
        self.register_buffer("window", torch.hann_window(self.n_fft))

    def forward(self, wave: Tensor) -> Tensor:
        """Return the frames, about zero mean and unit variance."""
        side = (self.n_fft - self.hop) // 2
        padded = functional.pad(wave[:, None], (side, side), "reflect")[:, 0]
        magnitude = torch.stft(
            padded,
            self.n_fft,
            self.hop,
            window=self.get_buffer("window"),
            center=False,
            return_complex=True,
        ).abs()
        return (torch.log(torch.clamp(self.get_buffer("matrix") @ magnitude, min=1e-4)) + 4.0) / 3.0


class Residual(nn.Module):
    """Dilated residual convolutions at one rate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv1d(channels, channels, 3, dilation=step, padding=step) for step in (1, 3, 9)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Add what each layer finds."""
        for layer in self.layers:
            features = features + layer(functional.leaky_relu(features, 0.1))
        return features


class WaveDecoder(nn.Module):
    """Frames to samples through learned upsampling."""

    def __init__(self, recipe: VocoderRecipe) -> None:
        super().__init__()
        width = recipe.channels
        layers: list[nn.Module] = [nn.Conv1d(recipe.bands, width, 7, padding=3)]
        for stride in recipe.strides:
            half = max(16, width // 2)
            layers.append(nn.LeakyReLU(0.1))
            pad, extra = (stride + 1) // 2, stride % 2
            layers.append(
                nn.ConvTranspose1d(width, half, 2 * stride, stride, pad, output_padding=extra)
            )
            layers.append(Residual(half))
            width = half
        layers += [nn.LeakyReLU(0.1), nn.Conv1d(width, 1, 7, padding=3), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, frames: Tensor) -> Tensor:
        """``(batch, bands, frames)`` to ``(batch, samples)``."""
        wave: Tensor = self.layers(frames)[:, 0]
        return wave


class SpectrumDecoder(nn.Module):
    """Frames to a complex spectrum at frame rate, then the inverse STFT."""

    def __init__(self, recipe: VocoderRecipe) -> None:
        super().__init__()
        width, self.hop, self.n_fft = recipe.channels, recipe.hop, 1024
        self.start = nn.Conv1d(recipe.bands, width, 7, padding=3)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(width, width, 7, padding=3, groups=width),
                nn.GroupNorm(1, width),
                nn.Conv1d(width, 3 * width, 1),
                nn.GELU(),
                nn.Conv1d(3 * width, width, 1),
            )
            for _ in range(6)
        )
        self.head = nn.Conv1d(width, self.n_fft + 2, 1)
        self.register_buffer("window", torch.hann_window(self.n_fft))

    def forward(self, frames: Tensor) -> Tensor:
        """``(batch, bands, frames)`` to ``(batch, samples)``."""
        features = self.start(frames)
        for block in self.blocks:
            features = features + block(features)
        level, phase = self.head(features).chunk(2, dim=1)
        spectrum = torch.polar(torch.exp(level.clamp(max=6.0)), phase)
        spectrum = torch.cat([spectrum, spectrum[:, :, -1:]], dim=2)
        length = self.hop * frames.shape[2]
        window = self.get_buffer("window")
        return torch.istft(spectrum, self.n_fft, self.hop, window=window, length=length)


class CodecEncoder(nn.Module):
    """Samples to coarse latents: strided convolutions, values rounded to eighths."""

    def __init__(self, recipe: VocoderRecipe) -> None:
        super().__init__()
        width = 16
        layers: list[nn.Module] = [nn.Conv1d(1, width, 7, padding=3)]
        for stride in reversed(recipe.strides):
            wide = min(recipe.channels, 2 * width)
            pad = (stride + 1) // 2
            layers += [Residual(width), nn.LeakyReLU(0.1)]
            layers.append(nn.Conv1d(width, wide, 2 * stride + stride % 2, stride, pad))
            width = wide
        layers += [nn.LeakyReLU(0.1), nn.Conv1d(width, recipe.bands, 3, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, wave: Tensor) -> Tensor:
        """``(batch, samples)`` to ``(batch, bands, frames)``; gradients pass the rounding."""
        latent: Tensor = self.layers(wave[:, None])
        return latent + (torch.round(8.0 * latent) / 8.0 - latent).detach()


class Vocoder(nn.Module):
    """A waveform in, its resynthesis out."""

    def __init__(self, recipe: VocoderRecipe) -> None:
        super().__init__()
        self.hop = recipe.hop
        self.analysis = (
            CodecEncoder(recipe) if recipe.kind == "codec" else LogMel(recipe.bands, recipe.hop)
        )
        self.decoder = SpectrumDecoder(recipe) if recipe.kind == "spectrum" else WaveDecoder(recipe)

    def forward(self, wave: Tensor) -> Tensor:
        """``(batch, samples)`` with samples a multiple of the hop, to the same shape."""
        made: Tensor = self.decoder(self.analysis(wave))
        return made[:, : wave.shape[1]]
