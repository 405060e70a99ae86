"""The two MiniFASNet networks, our own code, with the key names of the published checkpoints.

References
----------
github.com/minivision-ai/Silent-Face-Anti-Spoofing (Apache-2.0). Block design after MobileFaceNet
(Chen et al., CCBR 2018) with squeeze-and-excitation (Hu et al., CVPR 2018) in V1SE.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


class _ConvBlock(nn.Module):
    def __init__(
        self, sizes: tuple[int, int], kernel: int = 1, stride: int = 1, *, groups: int = 1,
        padding: int = 0, linear: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.conv = nn.Conv2d(*sizes, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(sizes[1])
        if not linear:
            self.prelu = nn.PReLU(sizes[1])
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.conv(x))
        if not self.linear:
            y = self.prelu(y)
        return y


class _SqueezeExcite(nn.Module):
    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels // reduction)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        pooled = x.mean((2, 3), keepdim=True)
        gate = torch.sigmoid(self.bn2(self.fc2(torch.relu(self.bn1(self.fc1(pooled))))))
        return x * gate


class _DepthWise(nn.Module):
    def __init__(
        self, inputs: int, width: int, outputs: int, *, stride: int = 2, residual: bool = False,
        squeeze: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.conv = _ConvBlock((inputs, width))
        self.conv_dw = _ConvBlock((width, width), 3, stride, groups=width, padding=1)
        self.project = _ConvBlock((width, outputs), linear=True)
        self.residual = residual
        if squeeze:
            self.se_module = _SqueezeExcite(outputs)
        self.squeeze = squeeze

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.conv_dw(self.conv(x)))
        if self.squeeze:
            y = self.se_module(y)
        return x + y if self.residual else y


class _Residual(nn.Module):
    def __init__(self, channels: int, widths: tuple[int, ...], squeeze: bool) -> None:
        super().__init__()
        last = len(widths) - 1
        self.model = nn.Sequential(
            *(
                _DepthWise(
                    channels,
                    width,
                    channels,
                    stride=1,
                    residual=True,
                    squeeze=squeeze and k == last,
                )
                for k, width in enumerate(widths)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.model(x)
        return y


@dataclass(frozen=True, slots=True)
class Design:
    """Widths that tell the two published networks apart."""

    registered: str
    box_scale: float
    stage_3: tuple[int, ...]
    stage_4: tuple[int, ...]
    squeeze: bool


DESIGNS = (
    Design("minifasnet-v2", 2.7, (13, 13, 13, 13), (231, 52, 26, 77, 26, 26), squeeze=False),
    Design("minifasnet-v1se", 4.0, (13, 26, 13, 52), (154, 52, 26, 52, 26, 26), squeeze=True),
)


class MiniFasNet(nn.Module):
    """One network; softmax over three classes, class 1 = live."""

    def __init__(self, design: Design) -> None:
        super().__init__()
        self.conv1 = _ConvBlock((3, 32), 3, 2, padding=1)
        self.conv2_dw = _ConvBlock((32, 32), 3, groups=32, padding=1)
        self.conv_23 = _DepthWise(32, 103, 64)
        self.conv_3 = _Residual(64, design.stage_3, design.squeeze)
        self.conv_34 = _DepthWise(64, 231, 128)
        self.conv_4 = _Residual(128, design.stage_4, design.squeeze)
        self.conv_45 = _DepthWise(128, 308, 128)
        self.conv_5 = _Residual(128, (26, 26), design.squeeze)
        self.conv_6_sep = _ConvBlock((128, 512))
        self.conv_6_dw = _ConvBlock((512, 512), 5, groups=512, linear=True)
        self.linear = nn.Linear(512, 128, bias=False)
        self.bn = nn.BatchNorm1d(128)
        self.prob = nn.Linear(128, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, 3) probabilities for (N, 3, 80, 80) BGR 0-255."""
        x = self.conv_23(self.conv2_dw(self.conv1(x)))
        x = self.conv_34(self.conv_3(x))
        x = self.conv_45(self.conv_4(x))
        x = self.conv_6_dw(self.conv_6_sep(self.conv_5(x))).flatten(1)
        logits: Tensor = self.prob(self.bn(self.linear(x)))
        return torch.softmax(logits, dim=1)
