"""ECAPA-TDNN, written from the paper; module names follow SpeechBrain's published checkpoint."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

INPUTS = 80
DIMENSIONS = 192
_WIDTH = 1024
_WIDE = 3072
_SCALE = 8
_SQUEEZED = 128
_LEAST_VARIANCE = 1e-12


class Convolution(nn.Module):
    """A convolution over time that keeps the length by mirroring the ends."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, dilation=dilation)
        self.margin = dilation * (kernel - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inputs, frames)`` to ``(batch, outputs, frames)``."""
        y: Tensor = self.conv(functional.pad(x, (self.margin, self.margin), mode="reflect"))
        return y


class Normalisation(nn.Module):
    """Batch normalisation under the name that the checkpoint gives it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y: Tensor = self.norm(x)
        return y


class TimeDelay(nn.Module):
    """Convolution, ReLU, normalisation: in this order."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = Convolution(inputs, outputs, kernel, dilation)
        self.norm = Normalisation(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inputs, frames)`` to ``(batch, outputs, frames)``."""
        y: Tensor = self.norm(torch.relu(self.conv(x)))
        return y


class Res2Net(nn.Module):
    """Eight groups of channels; each but the first two also hears what its neighbour made."""

    def __init__(self, kernel: int, dilation: int) -> None:
        super().__init__()
        group = _WIDTH // _SCALE
        self.blocks = nn.ModuleList(
            TimeDelay(group, group, kernel, dilation) for _ in range(_SCALE - 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        first, *others = x.chunk(_SCALE, dim=1)
        made = [first]
        for number, (group, block) in enumerate(zip(others, self.blocks, strict=True)):
            made.append(block(group if number == 0 else group + made[-1]))
        return torch.cat(made, dim=1)


class SqueezeExcitation(nn.Module):
    """Weighs each channel by what its mean over time says."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Convolution(_WIDTH, _SQUEEZED)
        self.conv2 = Convolution(_SQUEEZED, _WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        weight = torch.sigmoid(self.conv2(torch.relu(self.conv1(x.mean(2, keepdim=True)))))
        return weight * x


class Block(nn.Module):
    """Time delay, Res2Net, time delay, squeeze and excitation, and a shortcut around them."""

    def __init__(self, kernel: int, dilation: int) -> None:
        super().__init__()
        self.tdnn1 = TimeDelay(_WIDTH, _WIDTH)
        self.res2net_block = Res2Net(kernel, dilation)
        self.tdnn2 = TimeDelay(_WIDTH, _WIDTH)
        self.se_block = SqueezeExcitation()

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        y: Tensor = self.se_block(self.tdnn2(self.res2net_block(self.tdnn1(x))))
        return y + x


class AttentiveStatistics(nn.Module):
    """Mean and deviation over time, weighted by attention that knows the whole clip's own."""

    def __init__(self) -> None:
        super().__init__()
        self.tdnn = TimeDelay(3 * _WIDE, _SQUEEZED)
        self.conv = Convolution(_SQUEEZED, _WIDE)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, 3072, frames)`` to ``(batch, 6144, 1)``."""
        even = torch.full_like(x[:, :1], 1.0 / x.shape[2])
        mean, deviation = (one.unsqueeze(2).expand_as(x) for one in _statistics(x, even))
        heard = torch.tanh(self.tdnn(torch.cat((x, mean, deviation), dim=1)))
        weight = self.conv(heard).softmax(2)
        return torch.cat(_statistics(x, weight), dim=1).unsqueeze(2)


class EcapaNetwork(nn.Module):
    """Log-mel frames in, one embedding each out.

    References
    ----------
    .. [1] Desplanques et al., "ECAPA-TDNN: emphasized channel attention, propagation and
       aggregation in TDNN based speaker verification", Interspeech 2020, arXiv 2005.07143.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [TimeDelay(INPUTS, _WIDTH, 5), *(Block(3, dilation) for dilation in (2, 3, 4))]
        )
        self.mfa = TimeDelay(3 * _WIDTH, _WIDE)
        self.asp = AttentiveStatistics()
        self.asp_bn = Normalisation(2 * _WIDE)
        self.fc = Convolution(2 * _WIDE, DIMENSIONS)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, 80, frames)`` to ``(batch, 192)``; at least five frames."""
        made = []
        for block in self.blocks:
            x = block(x)
            made.append(x)
        pooled = self.asp_bn(self.asp(self.mfa(torch.cat(made[1:], dim=1))))
        embedding: Tensor = self.fc(pooled).squeeze(2)
        return embedding


def _statistics(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    mean = (weight * x).sum(2)
    variance = (weight * (x - mean.unsqueeze(2)).square()).sum(2)
    return mean, variance.clamp(min=_LEAST_VARIANCE).sqrt()
