"""Print and screen attacks by the published MiniFASNet pair, when a deployment brings the weights.

The project does not ship these weights; `layers.registry` says where they come from. The network
code below is ours, and the checkpoints load into it key by key (strict).

References
----------
github.com/minivision-ai/Silent-Face-Anti-Spoofing (Apache-2.0): input is BGR 0-255 without
normalisation, the face box enlarged 2.7 (V2) or 4.0 times (V1SE), 80 x 80 px; class 1 of 3 is
live; the softmax outputs of both are averaged. Block design after MobileFaceNet (Chen et al.,
CCBR 2018) with squeeze-and-excitation (Hu et al., CVPR 2018) in V1SE.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from layers.capture.types import Capture, FloatArray, Image
from layers.registry import State, find
from layers.vision.reading import P_AT_THRESHOLD, logistic
from verdict.evidence import RiskSource
from verdict.measurement import Measurement
from verdict.policy import Policy

NAME = "minifasnet"
INPUT_PX = 80
LIVE_CLASS = 1
MAX_VIEWS = 6
# A face that fills the picture leaves no room for the crops that the networks know: bona fide
# portraits enlarged by less than this were called attacks in 14 % of cases.
MIN_BOX_SCALE = 1.7


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
        network.load_state_dict({k.removeprefix("module."): v for k, v in state.items()})
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
    a, b = low.astype(int), np.ceil(low + extent).astype(int) + 1
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
    chosen = rows[:: max(1, -(-len(rows) // MAX_VIEWS))]
    frames = [(row, capture.image_at(row)) for row in chosen]
    landmarks = capture.track.landmarks[..., :2]
    kept = [
        (row, image)
        for row, image in frames
        if image is not None and room(image, landmarks[row]) >= MIN_BOX_SCALE
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
