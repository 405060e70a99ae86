"""Other architectures on the same data, for comparison: cepstra and the raw waveform."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from layers.voice.detector.frontend import FrontEndConfig, LogSpectrum
from layers.voice.detector.network import AttentiveStatistics, Residual, SpeechNet


class Cepstra(nn.Module):
    """Linear-frequency cepstra with their differences, `(batch, 1, 60, frames)`.

    References
    ----------
    .. [1] Sahidullah et al., "A comparison of features for synthetic speech detection",
       Interspeech 2015: 20 coefficients of linear filters, with deltas of both orders.
    """

    def __init__(self, config: FrontEndConfig, bands: int = 40, kept: int = 20) -> None:
        super().__init__()
        self.spectrum = LogSpectrum(config)
        place = torch.linspace(0.0, bands - 1.0, config.bins)
        filters = (1.0 - (place[None] - torch.arange(bands)[:, None]).abs()).clamp(min=0.0)
        rows, columns = torch.arange(kept)[:, None], torch.arange(bands)[None]
        cosines = torch.cos(math.pi / bands * (columns + 0.5) * rows) * math.sqrt(2.0 / bands)
        transform = cosines @ (filters / filters.sum(1, keepdim=True))
        self.register_buffer("transform", transform, persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """Transform waveforms of shape ``(batch, samples)``."""
        cepstra = self.get_buffer("transform") @ self.spectrum(waves)[:, 0]
        first = functional.pad(cepstra[..., 2:] - cepstra[..., :-2], (1, 1))
        second = functional.pad(first[..., 2:] - first[..., :-2], (1, 1))
        return torch.cat([cepstra, first, second], 1).unsqueeze(1)


class CepstralNet(nn.Module):
    """Residual network on cepstra."""

    def __init__(self, config: FrontEndConfig) -> None:
        super().__init__()
        self.frontend = Cepstra(config)
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 5, (1, 2), 2, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            Residual(32, 48, (2, 2)),
            Residual(48, 64, (2, 1)),
            Residual(64, 64, (1, 1)),
        )
        self.pool = AttentiveStatistics(64 * 15)
        self.score = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * 64 * 15, 1))

    def classify(self, spectrum: Tensor) -> Tensor:
        """Score cepstra; higher is more bona fide."""
        pooled = self.pool(self.features(spectrum).flatten(1, 2).float())
        scores: Tensor = self.score(pooled).squeeze(1)
        return scores


class RawNet(nn.Module):
    """Strided residual convolutions on the waveform itself."""

    def __init__(self) -> None:
        super().__init__()
        self.frontend = nn.Identity()
        layers: list[nn.Module] = [nn.Conv1d(1, 48, 33, 4, 16, bias=False), nn.BatchNorm1d(48)]
        width = 48
        for wide, stride in ((64, 4), (96, 4), (128, 4), (128, 2)):
            layers += [
                nn.ReLU(),
                nn.Conv1d(width, wide, 9, stride, 4, bias=False),
                nn.BatchNorm1d(wide),
                nn.ReLU(),
                nn.Conv1d(wide, wide, 5, 1, 2, bias=False),
                nn.BatchNorm1d(wide),
            ]
            width = wide
        self.features = nn.Sequential(*layers)
        self.pool = AttentiveStatistics(width)
        self.score = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * width, 1))

    def classify(self, waves: Tensor) -> Tensor:
        """Score waveforms; higher is more bona fide."""
        levelled = waves / waves.square().mean(1, keepdim=True).clamp(min=1e-9).sqrt()
        scores: Tensor = self.score(self.pool(self.features(levelled[:, None]).float())).squeeze(1)
        return scores


Candidate = SpeechNet | CepstralNet | RawNet


def build_network(kind: str, n_fft: int) -> Candidate:
    """Build one network by the name that its recipe gives.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if kind == "spectrum":
        return SpeechNet(FrontEndConfig(n_fft=n_fft))
    if kind == "cepstra":
        return CepstralNet(FrontEndConfig(n_fft=n_fft))
    if kind == "raw":
        return RawNet()
    raise ValueError(f"{kind}: expected spectrum, cepstra or raw")
