"""A small network that marks where a face was blended into a frame, trained by this project.

It sees full-resolution crops (face 150 px wide) and answers per 8x8 px cell, so it is taught by
the blending mask itself and not by one label for a whole picture.

References
----------
Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022, arXiv 2204.08376
(training images); Li et al., "Face X-ray", CVPR 2020, arXiv 1912.13458 (dense target). The
architecture and code are ours; `layers.vision.training.fit_network` makes the weights.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from layers.capture.types import FloatArray, Image
from layers.vision import mesh
from layers.vision.scene import Scene, View

WEIGHTS = Path(__file__).parent / "weights" / "blending_network.safetensors"
NAME = "blending_network"
CROP_PX = 224
CELL_PX = 8
MAX_VIEWS = 6


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
        self.body = nn.Sequential(*(Residual(80, d) for d in (1, 2, 4, 8, 1, 2, 4)))
        self.seg = nn.Conv2d(80, 1, 1)
        self.cls = nn.Linear(160, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return cell logits and picture logits.

        Parameters
        ----------
        x
            (N, 3, H, W) RGB in 0-1.

        Returns
        -------
        (N, H/8, W/8) and (N,) logits, higher = blended.
        """
        smooth = functional.avg_pool2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
        centred = x - x.mean((2, 3), keepdim=True)
        f = self.body(self.stem(torch.cat([centred, (x - smooth) * 8], 1)))
        cells = self.seg(f)
        attention = torch.softmax(cells.flatten(2), -1)
        pooled = torch.cat([f.mean((2, 3)), (f.flatten(2) * attention).sum(-1)], 1)
        return cells[:, 0], self.cls(pooled)[:, 0]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The networks of one weights file (one per fold), in eval mode."""

    networks: tuple[BlendingNetwork, ...]
    sha256: str


@cache
def load(path: Path = WEIGHTS) -> Ensemble:
    """Load every network of a weights file; keys are ``<n>.<parameter>``."""
    tensors = load_file(path)
    networks = []
    for n in sorted({int(key.split(".", 1)[0]) for key in tensors}):
        own = {k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(f"{n}.")}
        network = BlendingNetwork()
        network.load_state_dict(own, strict=True)
        networks.append(network.eval().requires_grad_(False))
    return Ensemble(tuple(networks), hashlib.sha256(path.read_bytes()).hexdigest())


def crop(view: View) -> tuple[Image, FloatArray]:
    """(224, 224, 3) pixels around the face oval, and the landmarks in them."""
    centre = view.points[list(mesh.OVAL)].mean(axis=0)
    origin = np.rint(centre - CROP_PX / 2).astype(int)
    height, width = view.rgb.shape[:2]
    before = np.maximum(-origin, 0)
    after = np.maximum(origin + CROP_PX - (width, height), 0)
    padded = cv2.copyMakeBorder(
        view.rgb, before[1], after[1], before[0], after[0], cv2.BORDER_REFLECT
    )
    x, y = origin + before
    pixels = np.ascontiguousarray(padded[y : y + CROP_PX, x : x + CROP_PX])
    return pixels, (view.points - origin).astype(np.float32)


def face_cells(points: FloatArray) -> FloatArray:
    """(28, 28) share of each cell that lies within the face oval."""
    mask = mesh.hull_mask((CROP_PX, CROP_PX), points[list(mesh.OVAL)]).astype(np.float32)
    side = CROP_PX // CELL_PX
    return np.asarray(cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def score_views(views: tuple[View, ...], networks: tuple[BlendingNetwork, ...]) -> FloatArray:
    """(views, 2) mean cell logit inside the face, and the same less that outside."""
    crops = [crop(view) for view in views]
    pixels = np.stack([c[0] for c in crops]).transpose(0, 3, 1, 2)
    batch = torch.from_numpy(pixels.copy()).float() / 255.0
    with torch.inference_mode():
        cells = torch.stack([network(batch)[0] for network in networks]).mean(0).numpy()
    rows = []
    for logits, (_, points) in zip(cells, crops, strict=True):
        inside = face_cells(points) > 0
        within = float(logits[inside].mean())
        rows.append((within, within - float(logits[~inside].mean())))
    return np.array(rows, np.float32)


def features(scene: Scene, ensemble: Ensemble | None) -> dict[str, float | None]:
    """Median over up to six views of what the networks say."""
    views = scene.views[:: max(1, -(-len(scene.views) // MAX_VIEWS))]
    if not views or ensemble is None:
        return {"blend_inside": None, "blend_step": None}
    inside, step = np.median(score_views(views, ensemble.networks), axis=0)
    return {"blend_inside": float(inside), "blend_step": float(step)}
