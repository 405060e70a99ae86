"""A small network that marks blends, trained from nothing by this project.

It is asked beside `artefact_network` because it errs elsewhere: no pretrained trunk that may lean
on what photographs usually show, the finest detail as input of its own, cells of 8x8 px. On people
and swappers that neither saw, both together rank better than either.

References
----------
Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022, arXiv 2204.08376
(training images); Li et al., "Face X-ray", CVPR 2020, arXiv 1912.13458 (dense target). The
architecture and code are ours; `layers.vision.training.fit_blending` makes such weights.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from layers.vision import ensemble

WEIGHTS = Path(__file__).parent / "weights" / "blending_network.safetensors"
NAME = "blending_network"
PREFIX = "blend"
CELL_PX = 8
DETAIL_GAIN = 8.0
DILATIONS = (1, 2, 4, 8, 1, 2, 4)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.SiLU()
    )


class Residual(nn.Module):
    """Depthwise and pointwise convolution with a shortcut."""

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.f = nn.Sequential(
            nn.Sequential(
                nn.Conv2d(width, width, 3, 1, dilation, dilation, width, bias=False),
                nn.BatchNorm2d(width),
                nn.SiLU(),
            ),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return SiLU(x + f(x))."""
        return functional.silu(x + self.f(x))


class BlendingNetwork(nn.Module):
    """98 k parameters; receptive field wider than the face, output stride 8."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *(_conv(6, 12), _conv(12, 24, 2), Residual(24), _conv(24, 40, 2)),
            *(Residual(40), Residual(40), _conv(40, 80, 2)),
        )
        self.body = nn.Sequential(*(Residual(80, dilation) for dilation in DILATIONS))
        self.seg = nn.Conv2d(80, 1, 1)
        self.cls = nn.Linear(160, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, H/8, W/8) cell logits and (N,) picture logits of RGB in 0-1."""
        smooth = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
        centred = x - x.mean((2, 3), keepdim=True)
        f = self.body(self.stem(torch.cat([centred, (x - smooth) * DETAIL_GAIN], 1)))
        cells = self.seg(f)
        attention = torch.softmax(cells.flatten(2), -1)
        pooled = torch.cat([f.mean((2, 3)), (f.flatten(2) * attention).sum(-1)], 1)
        return cells[:, 0], self.cls(pooled)[:, 0]


@cache
def load(path: Path = WEIGHTS) -> ensemble.Ensemble:
    """Load the shipped networks."""
    return ensemble.load(path, BlendingNetwork)
