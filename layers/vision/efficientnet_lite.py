"""The trunk of the artefact network: EfficientNet-Lite0 up to stride 16, normalisation folded in.

The published weights start the training (`layers.vision.training.pretrained`); what ships was
trained further by this project. Batch normalisation is folded into the convolutions before that,
so that training and inference see the same numbers whatever the batch.

References
----------
Tan and Le, "EfficientNet", ICML 2019, arXiv 1905.11946; the Lite variants leave out squeeze and
excitation and use ReLU6 (TensorFlow TPU models, `efficientnet/lite`, 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

STEM_WIDTH = 32


@dataclass(frozen=True, slots=True)
class Stage:
    """One row of the architecture's table."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    width: int


# Lite0 without its last two stages: artefacts of blending are not a matter of meaning.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
)
WIDTH = STAGES[-1].width
STRIDE_PX = 16


class Convolution(nn.Module):
    """Convolution with bias, padded as TensorFlow pads even sizes, then ReLU6 unless `linear`."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        linear: bool = False,
    ) -> None:
        super().__init__()
        padding = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
        # At stride 2 an even side gets its odd pixel of padding at the right and the bottom.
        before = (kernel - 2) // 2
        self.pad = (before, kernel - 2 - before) * 2 if stride == 2 else None
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolved picture."""
        if self.pad is not None:
            x = functional.pad(x, self.pad)
        y: Tensor = self.conv(x)
        return y if self.linear else functional.relu6(y, inplace=True)


class Block(nn.Module):
    """Widen, filter each channel, narrow; with a shortcut where the shape allows."""

    def __init__(self, inputs: int, stage: Stage, stride: int) -> None:
        super().__init__()
        wide = inputs * stage.expand
        widen = [Convolution(inputs, wide, 1)] if stage.expand > 1 else []
        self.f = nn.Sequential(
            *widen,
            Convolution(wide, wide, stage.kernel, stride, groups=wide),
            Convolution(wide, stage.width, 1, linear=True),
        )
        self.shortcut = stride == 1 and inputs == stage.width

    def forward(self, x: Tensor) -> Tensor:
        """Return f(x), plus x where a shortcut fits."""
        y: Tensor = self.f(x)
        return x + y if self.shortcut else y


class Trunk(nn.Module):
    """RGB in -1 to 1 (N, 3, H, W), H and W multiples of 16, to (N, 112, H/16, W/16)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM_WIDTH, 3, 2)
        stages = []
        width = STEM_WIDTH
        for stage in STAGES:
            blocks = []
            for n in range(stage.repeats):
                blocks.append(Block(width, stage, stage.stride if n == 0 else 1))
                width = stage.width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.Sequential(*stages)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of every 16x16 px cell."""
        y: Tensor = self.stages(self.stem(x))
        return y
