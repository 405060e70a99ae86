"""Print and screen attacks by the published MiniFASNet pair, when a deployment brings the weights.

The project does not ship these weights; `layers.registry` says where they come from. The networks
(`minifasnet_network`) are ours, and the checkpoints load into them key by key (strict).

References
----------
github.com/minivision-ai/Silent-Face-Anti-Spoofing (Apache-2.0): input is BGR 0-255 without
normalisation, the face box enlarged 2.7 (V2) or 4.0 times (V1SE) around its centre, by less where
the picture is too small for it, moved where it would leave it; 80 x 80 px; class 1 of 3 is live;
the softmax outputs of both are averaged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch

from layers.capture.types import Capture, FloatArray, Image
from layers.registry import State, find
from layers.vision.minifasnet_network import DESIGNS, Design, MiniFasNet
from layers.vision.reading import P_AT_THRESHOLD, logistic
from verdict.evidence import RiskSource
from verdict.measurement import Measurement
from verdict.policy import Policy

NAME = "minifasnet"
INPUT_PX = 80
LIVE_CLASS = 1
MAX_VIEWS = 6


@dataclass(frozen=True, slots=True)
class PresentationModels:
    """Both networks with their crops and digests, in eval mode."""

    networks: tuple[tuple[Design, MiniFasNet], ...]
    digests: tuple[tuple[str, str], ...]


class PresentationModelError(RuntimeError):
    """The configured folder does not hold the registered weights."""


@cache
def load(folder: Path) -> PresentationModels:
    """Load both networks from a deployment's model folder (holding ``minifasnet/*.pth``).

    Raises
    ------
    PresentationModelError
        When a file is missing or is not the registered one.
    """
    from layers.known_models import known_models

    entries = {entry.name: entry for entry in known_models()}
    networks, digests = [], []
    for design in DESIGNS:
        found = find(entries[design.registered], folder)
        if found.state is not State.VERIFIED or found.path is None:
            msg = f"{design.registered} in {folder}: {found.state}; see `bonafide models`"
            raise PresentationModelError(msg)
        state = torch.load(found.path, map_location="cpu", weights_only=True)
        network = MiniFasNet(design)
        named = {key.removeprefix("module."): value for key, value in state.items()}
        network.load_state_dict(named, strict=True)
        networks.append((design, network.eval().requires_grad_(False)))
        digests.append((design.registered, found.digest))
    return PresentationModels(tuple(networks), tuple(digests))


def face_crop(image: Image, points: FloatArray, box_scale: float) -> Image:
    """Enlarge the landmark box around its centre, keep it within the image, resize to 80 px."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.array([image.shape[1], image.shape[0]], float)
    extent = np.maximum(high - low, 1.0) * min(box_scale, room(image, points))
    centre = (low + high) / 2
    low = np.clip(centre - extent / 2, 0, size - 1 - extent)
    a, b = low.astype(int), (low + extent).astype(int) + 1
    crop = image[max(a[1], 0) : b[1], max(a[0], 0) : b[0], ::-1]
    resized: Image = cv2.resize(np.ascontiguousarray(crop), (INPUT_PX, INPUT_PX)).astype(np.uint8)
    return resized


def room(image: Image, points: FloatArray) -> float:
    """How many times the landmark box fits into the image."""
    box = np.maximum(points.max(axis=0) - points.min(axis=0), 1.0)
    return float(((np.array([image.shape[1], image.shape[0]]) - 1) / box).min())


def risk_source(
    capture: Capture, rows: tuple[int, ...], models: PresentationModels, policy: Policy
) -> RiskSource | None:
    """Median over up to six frames of the probability that the face is not live.

    The policy's operating point, a raw probability, is moved to p = 0.70. None when no frame
    leaves room around the face.
    """
    # A face that fills the picture leaves no room for the crops that the networks know.
    least_room = policy.number("vision.minifasnet.least_room")
    chosen = rows[:: max(1, -(-len(rows) // MAX_VIEWS))]
    frames = [(row, capture.image_at(row)) for row in chosen]
    landmarks = capture.track.landmarks[..., :2]
    kept = [
        (row, image)
        for row, image in frames
        if image is not None and room(image, landmarks[row]) >= least_room
    ]
    if not kept:
        return None
    live = np.zeros(len(kept))
    for design, network in models.networks:
        crops = [face_crop(image, landmarks[row], design.box_scale) for row, image in kept]
        batch = torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2).copy()).float()
        with torch.inference_mode():
            live += network(batch)[:, LIVE_CLASS].numpy() / len(models.networks)
    raw = float(np.clip(1.0 - np.median(live), 1e-6, 1 - 1e-6))
    level = policy.number("vision.minifasnet.operating_point")
    p_attack = logistic(_logit(raw) - _logit(level) + _logit(P_AT_THRESHOLD))
    used = tuple(row for row, _ in kept)
    return RiskSource(NAME, p_attack, (Measurement("not_live", raw, level, used),))


def _logit(p: float) -> float:
    return math.log(p / (1.0 - p))
