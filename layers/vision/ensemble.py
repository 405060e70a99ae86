"""What the networks of the vision layer share: weights of several folds, crops, answers per cell.

A network here maps (N, 3, 224, 224) RGB in 0-1, with a face 150 px wide, to logits per cell and one
logit per picture, higher = blended or generated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from layers.capture.types import FloatArray, Image
from layers.vision import mesh
from layers.vision.scene import Scene, View

CROP_PX = 224
MAX_VIEWS = 6
PARTS = ("picture", "inside", "step")


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The networks of one weights file (one per fold), in eval mode."""

    networks: tuple[nn.Module, ...]
    sha256: str

    def held_out(self, fold: int) -> Ensemble:
        """Only the network that never saw a fold, for cross-validation."""
        return Ensemble((self.networks[fold],), "")


def load(path: Path, build: Callable[[], nn.Module]) -> Ensemble:
    """Load every network of a weights file; keys are ``<n>.<parameter>``."""
    tensors = load_file(path)
    networks = []
    for n in sorted({int(key.split(".", 1)[0]) for key in tensors}):
        own = {k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(f"{n}.")}
        network = build()
        network.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in own.items()}, strict=True
        )
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


def face_cells(points: FloatArray, side: int) -> FloatArray:
    """(side, side) share of each cell that lies within the face oval."""
    mask = mesh.hull_mask((CROP_PX, CROP_PX), points[list(mesh.OVAL)]).astype(np.float32)
    return np.asarray(cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def score_views(views: tuple[View, ...], networks: tuple[nn.Module, ...]) -> FloatArray:
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
        inside = face_cells(points, logits.shape[-1]) > 0.5
        within = float(logits[inside].mean())
        outside = float(logits[~inside].mean()) if (~inside).any() else within
        rows.append((float(picture), within, within - outside))
    return np.array(rows, np.float32)


def features(scene: Scene, ensemble: Ensemble, prefix: str) -> dict[str, float | None]:
    """Median over up to six views of what the networks say, named ``<prefix>_<part>``."""
    names = [f"{prefix}_{part}" for part in PARTS]
    views = scene.views[:: max(1, -(-len(scene.views) // MAX_VIEWS))]
    if not views:
        return dict.fromkeys(names)
    medians = np.median(score_views(views, ensemble.networks), axis=0)
    return {name: float(value) for name, value in zip(names, medians, strict=True)}
