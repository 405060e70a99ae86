"""A network that marks where a face was blended or generated, trained by this project.

It answers per 16x16 px cell, so it is taught by the mask of what was replaced and not only by one
label for a whole picture.

References
----------
Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022, arXiv 2204.08376
(training images); Li et al., "Face X-ray", CVPR 2020, arXiv 1912.13458 (dense target). Heads, mix
of training pictures and code are ours; `layers.vision.training.fit_network` makes the weights.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from layers.vision import ensemble
from layers.vision.efficientnet_lite import STRIDE_PX, WIDTH, Trunk

WEIGHTS = Path(__file__).parent / "weights" / "artefact_network.safetensors"
NAME = "artefact_network"
PREFIX = "artefact"
CELL_PX = STRIDE_PX
HEAD_WIDTH = 128
DROPPED = 0.2


class ArtefactNetwork(nn.Module):
    """0.7 M parameters; receptive field wider than the face, output stride 16."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.mix = nn.Sequential(
            *(nn.Conv2d(WIDTH, HEAD_WIDTH, 1), nn.ReLU()),
            nn.Conv2d(HEAD_WIDTH, HEAD_WIDTH, 3, 1, 1, groups=HEAD_WIDTH),
            *(nn.Conv2d(HEAD_WIDTH, HEAD_WIDTH, 1), nn.ReLU()),
        )
        self.seg = nn.Conv2d(HEAD_WIDTH, 1, 1)
        self.cls = nn.Linear(2 * HEAD_WIDTH, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, H/16, W/16) cell logits and (N,) picture logits of RGB in 0-1."""
        f = self.mix(self.trunk(x * 2 - 1))
        cells = self.seg(f)
        attention = torch.softmax(cells.flatten(2), -1)
        pooled = torch.cat([f.mean((2, 3)), (f.flatten(2) * attention).sum(-1)], 1)
        pooled = functional.dropout(pooled, DROPPED, self.training)
        return cells[:, 0], self.cls(pooled)[:, 0]


@cache
def load(path: Path = WEIGHTS) -> ensemble.Ensemble:
    """Load the networks that `layers.vision.training.fit_network` wrote."""
    return ensemble.load(path, ArtefactNetwork)
