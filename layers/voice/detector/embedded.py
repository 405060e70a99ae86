"""The embedded detector: committed weights, fixed windows, mean of the window scores."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import safe_open
from safetensors.torch import load

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.detector.frontend import FrontEndConfig
from layers.voice.detector.network import SpeechNet
from layers.voice.detector.windows import checked, cut_windows
from verdict.voice_evidence import WindowScore

WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "embedded.safetensors"


class EmbeddedDetector:
    """Synthetic-speech detector that needs nothing beyond the package.

    Input contract: mono float32 at 16 kHz, 0.3 s or more, finite, not all zero. Gain and
    polarity change nothing; silence around the speech is left out; shorter clips are repeated
    until they fill one window of 3.2 s.

    Parameters
    ----------
    weights : Path
        A safetensors file with members ``0.``, ``1.``, ... of one architecture.
    """

    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, weights: Path = WEIGHTS) -> None:
        content = weights.read_bytes()
        self._digest = hashlib.sha256(content).hexdigest()
        with safe_open(weights, framework="pt") as handle:
            metadata = handle.metadata() or {}
        tensors = load(content)
        self._members = torch.nn.ModuleList()
        for size in metadata["n_fft"].split(","):
            self._members.append(SpeechNet(FrontEndConfig(n_fft=int(size))))
        self._members.load_state_dict(tensors, strict=True)
        self._members.eval()

    @property
    def digest(self) -> str:
        """SHA-256 of the weights file, for the registry to compare."""
        return self._digest

    def score_windows(self, waveform: npt.NDArray[np.float32]) -> tuple[WindowScore, ...]:
        """Score every window of the clip.

        Parameters
        ----------
        waveform : npt.NDArray[np.float32], shape (samples,)
            Mono, 16 kHz.

        Returns
        -------
        tuple of WindowScore
            In time order; higher is more bona fide.

        Raises
        ------
        TypeError, ValueError
            If the waveform breaks the input contract.
        """
        windows = cut_windows(checked(waveform))
        batch = torch.from_numpy(np.stack([window.samples for window in windows]))
        batch = batch / batch.abs().amax(1, keepdim=True).clamp(min=1e-9)
        with torch.inference_mode():
            scores = torch.stack([member(batch) for member in self._members]).mean(0)
        return tuple(
            WindowScore(window.start / SAMPLE_RATE_HZ, window.end / SAMPLE_RATE_HZ, float(score))
            for window, score in zip(windows, scores.tolist(), strict=True)
        )

    def score(self, waveform: npt.NDArray[np.float32]) -> float:
        """Score the clip: the mean of its windows' scores, higher is more bona fide.

        Raises
        ------
        TypeError, ValueError
            If the waveform breaks the input contract.
        """
        return float(np.mean([window.score for window in self.score_windows(waveform)]))
