"""Where in a view the larger network of the learned risk sees an artefact."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from layers.capture.types import FloatArray
from layers.vision import artefact_network as model
from layers.vision import ensemble, mesh
from layers.vision.scene import View

NAME = model.NAME
MAX_VIEWS = ensemble.MAX_VIEWS


def digest() -> str:
    """Return the SHA-256 of the weights that `cell_heat` uses."""
    return model.load().sha256


def cell_heat(view: View) -> tuple[FloatArray, FloatArray]:
    """Probability of an artefact per cell, and the corners of what the cells cover.

    Returns
    -------
    (h, w) 0-1 and (2, 2) upper left and lower right corner in pixels of the view's crop; the
    cells may reach beyond it.
    """
    pixels, points = ensemble.crop(view)
    batch = torch.from_numpy(pixels.transpose(2, 0, 1)[None].copy()).float() / 255.0
    with torch.inference_mode():
        logits = [network(batch)[0] for network in model.load().networks]
        heat = torch.sigmoid(torch.stack(logits).mean(0))[0].numpy()
    corner = view.points[0] - points[0]
    side = np.array(pixels.shape[1::-1], np.float32)
    return np.asarray(heat, np.float32), np.stack([corner, corner + side]).astype(np.float32)


def inside_and_outside(
    view: View, heat: FloatArray, corners: FloatArray
) -> tuple[float, float | None]:
    """Return the mean heat within the face oval, and of the rest of what the cells cover."""
    size = np.rint(corners[1] - corners[0]).astype(int)
    points = view.points[list(mesh.OVAL)] - corners[0]
    mask = mesh.hull_mask((int(size[1]), int(size[0])), points).astype(np.float32)
    share = cv2.resize(mask, heat.shape[::-1], interpolation=cv2.INTER_AREA)
    face = np.asarray(share, np.float32) > 0
    outside = None if face.all() else float(heat[~face].mean())
    return float(heat[face].mean()), outside
