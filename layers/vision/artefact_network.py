"""A network that marks where a face was blended or generated, trained by this project.

It sees crops with a face 150 px wide and answers per 16x16 px cell, so it is taught by the mask of
what was replaced and not only by one label for a whole picture.

References
----------
Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022, arXiv 2204.08376
(training images); Li et al., "Face X-ray", CVPR 2020, arXiv 1912.13458 (dense target). Heads, mix
of training pictures and code are ours; `layers.vision.training.fit_network` makes the weights.
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
from layers.vision.efficientnet_lite import STRIDE_PX, WIDTH, Trunk
from layers.vision.scene import Scene, View

WEIGHTS = Path(__file__).parent / "weights" / "artefact_network.safetensors"
NAME = "artefact_network"
CROP_PX = 224
CELL_PX = STRIDE_PX
HEAD_WIDTH = 128
DROPPED = 0.2
MAX_VIEWS = 6


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
        """Return cell logits and picture logits.

        Parameters
        ----------
        x
            (N, 3, H, W) RGB in 0-1.

        Returns
        -------
        (N, H/16, W/16) and (N,) logits, higher = blended or generated.
        """
        f = self.mix(self.trunk(x * 2 - 1))
        cells = self.seg(f)
        attention = torch.softmax(cells.flatten(2), -1)
        pooled = torch.cat([f.mean((2, 3)), (f.flatten(2) * attention).sum(-1)], 1)
        pooled = functional.dropout(pooled, DROPPED, self.training)
        return cells[:, 0], self.cls(pooled)[:, 0]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The networks of one weights file (one per fold), in eval mode."""

    networks: tuple[ArtefactNetwork, ...]
    sha256: str


@cache
def load(path: Path = WEIGHTS) -> Ensemble:
    """Load every network of a weights file; keys are ``<n>.<parameter>``."""
    tensors = load_file(path)
    networks = []
    for n in sorted({int(key.split(".", 1)[0]) for key in tensors}):
        own = {k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(f"{n}.")}
        network = ArtefactNetwork()
        network.load_state_dict({k: v.float() for k, v in own.items()}, strict=True)
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
    """(14, 14) share of each cell that lies within the face oval."""
    mask = mesh.hull_mask((CROP_PX, CROP_PX), points[list(mesh.OVAL)]).astype(np.float32)
    side = CROP_PX // CELL_PX
    return np.asarray(cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def score_views(views: tuple[View, ...], networks: tuple[ArtefactNetwork, ...]) -> FloatArray:
    """(views, 3): picture logit, mean cell logit inside the face, and that less the outside's."""
    crops = [crop(view) for view in views]
    pixels = np.stack([c[0] for c in crops]).transpose(0, 3, 1, 2)
    # Channels last: a third faster on a processor.
    batch = torch.from_numpy(pixels.copy()).float() / 255.0
    batch = batch.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        answers = [network(batch) for network in networks]
        cells = torch.stack([answer[0] for answer in answers]).mean(0).numpy()
        whole = torch.stack([answer[1] for answer in answers]).mean(0).numpy()
    rows = []
    for logits, picture, (_, points) in zip(cells, whole, crops, strict=True):
        inside = face_cells(points) > 0.5
        within = float(logits[inside].mean())
        outside = float(logits[~inside].mean()) if (~inside).any() else within
        rows.append((float(picture), within, within - outside))
    return np.array(rows, np.float32)


def features(scene: Scene, ensemble: Ensemble | None) -> dict[str, float | None]:
    """Median over up to six views of what the networks say."""
    names = ("artefact_picture", "artefact_inside", "artefact_step")
    views = scene.views[:: max(1, -(-len(scene.views) // MAX_VIEWS))]
    if not views or ensemble is None:
        return dict.fromkeys(names)
    medians = np.median(score_views(views, ensemble.networks), axis=0)
    return {name: float(value) for name, value in zip(names, medians, strict=True)}
