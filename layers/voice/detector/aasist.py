"""AASIST and AASIST-L, written from the paper, for published checkpoints given by path."""

import hashlib
import io
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.detector.aasist_graph import GraphAttention, GraphPool, HeterogeneousAttention
from layers.voice.detector.errors import DetectorFilesError
from layers.voice.detector.windows import checked, cut_windows
from verdict.voice_evidence import WindowScore

SAMPLES = 64_600  # about 4 s; Jung et al., section 4.1
_SINC_TAPS = 129  # 128 taps, made odd so that the filters are symmetric
_SINC_FILTERS = 70


@dataclass(frozen=True, slots=True)
class AasistSize:
    """Sizes that differ between AASIST and AASIST-L (channels, node channels, pool ratios)."""

    channels: int
    node_channels: int
    ratios: tuple[float, float, float]


FULL = AasistSize(64, 64, (0.5, 0.7, 0.5))
LIGHT = AasistSize(24, 24, (0.4, 0.5, 0.7))


def sinc_filters() -> Tensor:
    """Fixed band-pass filters between mel-spaced edges, shape ``(70, 1, 129)``."""
    top_mel = 2595.0 * np.log10(1.0 + SAMPLE_RATE_HZ / 2 / 700.0)
    edges_hz = 700.0 * (10.0 ** (np.linspace(0.0, top_mel, _SINC_FILTERS + 1) / 2595.0) - 1.0)
    taps = np.arange(_SINC_TAPS) - (_SINC_TAPS - 1) / 2
    cut = 2.0 * edges_hz[:, None] / SAMPLE_RATE_HZ
    low_pass = cut * np.sinc(cut * taps)
    bands = np.hamming(_SINC_TAPS) * (low_pass[1:] - low_pass[:-1])
    return torch.from_numpy(bands.astype(np.float32)).unsqueeze(1)


class ResidualBlock(nn.Module):
    """Residual block of the encoder; ``bn1`` is in the checkpoints but unused, as published."""

    def __init__(self, inputs: int, outputs: int, first: bool) -> None:
        super().__init__()
        if not first:
            self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, (2, 3), padding=(1, 1))
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, (2, 3), padding=(0, 1))
        self.widens = inputs != outputs
        if self.widens:
            self.conv_downsample = nn.Conv2d(inputs, outputs, (1, 3), padding=(0, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inputs, bands, frames)`` to a third of the frames."""
        y = self.conv2(functional.selu(self.bn2(self.conv1(x))))
        return functional.max_pool2d(y + (self.conv_downsample(x) if self.widens else x), (1, 3))


class Aasist(nn.Module):
    """The network; module names follow the published checkpoints' keys.

    References
    ----------
    .. [1] Jung et al., "AASIST: audio anti-spoofing using integrated spectro-temporal graph
       attention networks", ICASSP 2022, arXiv 2110.01200.
    """

    def __init__(self, size: AasistSize) -> None:
        super().__init__()
        wide, node, last = size.channels, size.node_channels, 32
        self.register_buffer("filters", sinc_filters(), persistent=False)
        self.first_bn = nn.BatchNorm2d(1)
        widths = ((1, 32), (32, 32), (32, wide), (wide, wide), (wide, wide), (wide, wide))
        self.encoder = nn.Sequential(
            *(nn.Sequential(ResidualBlock(a, b, n == 0)) for n, (a, b) in enumerate(widths))
        )
        self.pos_S = nn.Parameter(torch.randn(1, _SINC_FILTERS // 3, wide))
        self.master1 = nn.Parameter(torch.randn(1, 1, node))
        self.master2 = nn.Parameter(torch.randn(1, 1, node))
        self.GAT_layer_S = GraphAttention(wide, node, 2.0)
        self.GAT_layer_T = GraphAttention(wide, node, 2.0)
        self.pool_S = GraphPool(size.ratios[0], node)
        self.pool_T = GraphPool(size.ratios[1], node)
        for branch in ("1", "2"):
            self.add_module(f"HtrgGAT_layer_ST{branch}1", HeterogeneousAttention(node, last, 100.0))
            self.add_module(f"HtrgGAT_layer_ST{branch}2", HeterogeneousAttention(last, last, 100.0))
            self.add_module(f"pool_hS{branch}", GraphPool(size.ratios[2], last))
            self.add_module(f"pool_hT{branch}", GraphPool(size.ratios[2], last))
        self.out_layer = nn.Linear(5 * last, 2)

    def _branch(
        self, name: str, temporal: Tensor, spectral: Tensor, stack: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """One of the two competing branches of heterogeneous attention."""
        first = self.get_submodule(f"HtrgGAT_layer_ST{name}1")
        second = self.get_submodule(f"HtrgGAT_layer_ST{name}2")
        temporal, spectral, stack = first(temporal, spectral, stack)
        spectral = self.get_submodule(f"pool_hS{name}")(spectral)
        temporal = self.get_submodule(f"pool_hT{name}")(temporal)
        more_temporal, more_spectral, more_stack = second(temporal, spectral, stack)
        return temporal + more_temporal, spectral + more_spectral, stack + more_stack

    def forward(self, waves: Tensor) -> Tensor:
        """Logits ``(batch, 2)`` of waveforms ``(batch, 64600)``; logit 1 is bona fide."""
        bands = functional.conv1d(waves.unsqueeze(1), self.get_buffer("filters")).unsqueeze(1)
        x = functional.selu(self.first_bn(functional.max_pool2d(bands.abs(), (3, 3))))
        x = self.encoder(x).abs()
        spectral = self.pool_S(self.GAT_layer_S(x.amax(3).transpose(1, 2) + self.pos_S))
        temporal = self.pool_T(self.GAT_layer_T(x.amax(2).transpose(1, 2)))
        count = len(waves)
        one = self._branch("1", temporal, spectral, self.master1.expand(count, -1, -1))
        two = self._branch("2", temporal, spectral, self.master2.expand(count, -1, -1))
        temporal, spectral, stack = (torch.maximum(a, b) for a, b in zip(one, two, strict=True))
        hidden = (
            temporal.abs().amax(1),
            temporal.mean(1),
            spectral.abs().amax(1),
            spectral.mean(1),
            stack.squeeze(1),
        )
        logits: Tensor = self.out_layer(torch.cat(hidden, 1))
        return logits


class AasistDetector:
    """A published AASIST checkpoint behind the detector interface.

    Parameters
    ----------
    checkpoint : Path
        ``AASIST.pth`` or ``AASIST-L.pth`` on this machine; never downloaded.
    size : AasistSize
        ``FULL`` or ``LIGHT``.

    Raises
    ------
    DetectorFilesError
        When the file is not a checkpoint of that size, to the last key.
    """

    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, checkpoint: Path, size: AasistSize = FULL) -> None:
        try:
            content = checkpoint.read_bytes()
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            self._network = Aasist(size)
            self._network.load_state_dict(state, strict=True)
        except (OSError, RuntimeError, pickle.UnpicklingError, TypeError) as error:
            msg = f"{checkpoint}: not an AASIST checkpoint of this size: {error}"
            raise DetectorFilesError(msg) from error
        self._digest = hashlib.sha256(content).hexdigest()
        self._network.eval()

    @property
    def digest(self) -> str:
        """SHA-256 of the checkpoint."""
        return self._digest

    def score_windows(self, waveform: npt.NDArray[np.float32]) -> tuple[WindowScore, ...]:
        """Score half-overlapping windows of 64,600 samples; higher is more bona fide.

        The published evaluation looks at the first such window of the file alone. A shorter clip
        is repeated until it fills one, as published.

        Raises
        ------
        TypeError, ValueError
            If the waveform breaks the input contract (see ``windows.checked``).
        """
        windows = cut_windows(checked(waveform), SAMPLES, SAMPLES // 2)
        batch = torch.from_numpy(np.stack([window.samples for window in windows]))
        with torch.inference_mode():
            scores: list[float] = self._network(batch)[:, 1].tolist()
        return tuple(
            WindowScore(window.start / SAMPLE_RATE_HZ, window.end / SAMPLE_RATE_HZ, score)
            for window, score in zip(windows, scores, strict=True)
        )
