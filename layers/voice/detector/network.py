"""A small squeeze-and-excitation residual network with attentive statistics pooling."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from layers.voice.detector.frontend import FrontEndConfig, LogSpectrum


class Residual(nn.Module):
    """Two 3x3 convolutions with channel attention and a shortcut.

    References
    ----------
    .. [1] Hu et al., "Squeeze-and-excitation networks", CVPR 2018, section 3.
    """

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.excite = nn.Sequential(
            nn.Linear(outputs, outputs // 4),
            nn.ReLU(),
            nn.Linear(outputs // 4, outputs),
            nn.Sigmoid(),
        )
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs or stride != (1, 1):
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inputs, bins, frames)`` to ``(batch, outputs, bins', frames')``."""
        y = functional.relu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        y = y * self.excite(y.mean((2, 3)))[:, :, None, None]
        return functional.relu(y + self.shortcut(x))


class AttentiveStatistics(nn.Module):
    """Mean and deviation over time, weighted by attention.

    References
    ----------
    .. [1] Okabe et al., "Attentive statistics pooling", Interspeech 2018, eqs. 3-6.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(
            nn.Conv1d(channels, 32, 1), nn.Tanh(), nn.Conv1d(32, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channels, frames)`` to ``(batch, 2 * channels)``."""
        weight = self.attention(x).softmax(2)
        mean = (x * weight).sum(2)
        variance = (x.square() * weight).sum(2) - mean.square()
        return torch.cat((mean, variance.clamp(min=1e-4).sqrt()), 1)


class SpeechNet(nn.Module):
    """Front end and network in one: waveforms in, one raw score each out.

    Parameters
    ----------
    config : FrontEndConfig
        Size of the front end.
    dropout : float
        Share of the embedding dropped in training.
    """

    def __init__(self, config: FrontEndConfig, dropout: float = 0.2) -> None:
        super().__init__()
        self.frontend = LogSpectrum(config)
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, (7, 5), (4, 3), (3, 2), bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            Residual(32, 48, (2, 2)),
            Residual(48, 64, (2, 1)),
            Residual(64, 64, (1, 1)),
        )
        rows = config.bins
        for stride in (4, 2, 2):
            rows = (rows - 1) // stride + 1
        self.project = nn.Sequential(
            nn.Conv1d(64 * rows, 128, 1, bias=False), nn.BatchNorm1d(128), nn.ReLU()
        )
        self.pool = AttentiveStatistics(128)
        self.embed = nn.Sequential(nn.BatchNorm1d(256), nn.Linear(256, 64), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Linear(64, 1)

    def classify(self, spectrum: Tensor) -> Tensor:
        """Score spectra of shape ``(batch, 1, bins, frames)``; higher is more bona fide."""
        frames = self.project(self.features(spectrum).flatten(1, 2)).float()
        embedding = self.dropout(self.embed(self.pool(frames)))
        scores: Tensor = self.score(embedding).squeeze(1)
        return scores

    def forward(self, waves: Tensor) -> Tensor:
        """Score waveforms of shape ``(batch, samples)``; higher is more bona fide."""
        return self.classify(self.frontend(waves))
