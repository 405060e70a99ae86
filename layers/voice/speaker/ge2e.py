"""The GE2E speaker encoder, written from the paper, with the weights of the Resemblyzer wheel.

The wheel's own package is never imported: that needs a compiler (webrtcvad), librosa and an old
setuptools. See docs/adr/0006-speaker-encoder.md.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray
from layers.voice.slaney_mel import slaney_filters
from layers.voice.speaker.mel import HOP, N_FFT
from layers.voice.speaker.protocol import EncoderRefusedError

N_MELS = 40
DIMENSIONS = 256
PARTIAL_FRAMES = 160  # 1.6 s

_LEVEL_DB = -30.0  # the encoder was trained on speech of at least this level
_PARTIALS_PER_S = 1.3
_LEAST_COVERAGE = 0.75  # a last partial with less speech than this is left out
# Scale and offset of the training loss: in the checkpoint, of no use to an embedding.
_LOSS_KEYS = frozenset({"similarity_weight", "similarity_bias"})


class Ge2eNetwork(nn.Module):
    """Three LSTM layers, a linear one, ReLU, unit length; module names follow the checkpoint.

    References
    ----------
    .. [1] Wan et al., "Generalized end-to-end loss for speaker verification", ICASSP 2018,
       arXiv 1710.10467.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(N_MELS, DIMENSIONS, num_layers=3, batch_first=True)
        self.linear = nn.Linear(DIMENSIONS, DIMENSIONS)

    def forward(self, mels: Tensor) -> Tensor:
        """Map mel power ``(batch, frames, 40)`` to embeddings ``(batch, 256)`` of length one."""
        _, (hidden, _) = self.lstm(mels)
        return functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)


class Ge2eEncoder:
    """The published encoder behind the encoder interface.

    Parameters
    ----------
    checkpoint
        ``pretrained.pt`` of the Resemblyzer wheel.
    sha256
        Digest that the file must have.

    Raises
    ------
    EncoderRefusedError
        When the file is another one.
    """

    name = "ge2e"

    def __init__(self, checkpoint: Path, sha256: str) -> None:
        content = checkpoint.read_bytes()
        self._digest = hashlib.sha256(content).hexdigest()
        if self._digest != sha256:
            msg = f"{checkpoint.name} is not the registered encoder; install resemblyzer==0.1.4"
            raise EncoderRefusedError(msg)
        stored = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        state = stored["model_state"]
        self._network = Ge2eNetwork()
        weights = {key: value for key, value in state.items() if key not in _LOSS_KEYS}
        self._network.load_state_dict(weights, strict=True)
        self._network.eval()
        self._filters = torch.from_numpy(slaney_filters(N_MELS, SAMPLE_RATE_HZ, N_FFT))
        self._window = torch.hann_window(N_FFT)

    @property
    def digest(self) -> str:
        """SHA-256 of the checkpoint."""
        return self._digest

    def embed_partials(self, speech: FloatArray) -> FloatArray:
        """Return one embedding per 1.6 s, 0.77 s apart.

        Parameters
        ----------
        speech : float32 (N,)
            Mono at 16 kHz, silence cut out.

        Returns
        -------
        float32 (partials, 256)
            At least one; speech shorter than 1.6 s is padded with silence.
        """
        starts = partial_starts(len(speech))
        needed = (starts[-1] + PARTIAL_FRAMES) * HOP
        padded = np.pad(raised(speech), (0, max(0, needed - len(speech))))
        mel = self.mel(padded)
        stack = torch.stack([mel[start : start + PARTIAL_FRAMES] for start in starts])
        with torch.inference_mode():
            embeddings: FloatArray = self._network(stack).numpy()
        return embeddings

    def mel(self, samples: FloatArray) -> Tensor:
        """Return the mel power (not its logarithm), shape ``(frames, 40)``."""
        spectrum = torch.stft(
            torch.from_numpy(np.ascontiguousarray(samples)),
            N_FFT,
            HOP,
            window=self._window,
            pad_mode="constant",
            return_complex=True,
        )
        return (self._filters @ spectrum.abs().square()).T.contiguous()


def raised(samples: FloatArray) -> FloatArray:
    """Return the samples at -30 dB of full scale; louder ones stay as they are."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    if power <= 0.0:
        return samples
    gain_db = _LEVEL_DB - 10.0 * np.log10(power)
    return samples if gain_db <= 0.0 else (samples * 10.0 ** (gain_db / 20.0)).astype(np.float32)


def partial_starts(n_samples: int) -> tuple[int, ...]:
    """Return the first mel frame of each partial."""
    step = round(SAMPLE_RATE_HZ / _PARTIALS_PER_S / HOP)
    n_frames = -(-(n_samples + 1) // HOP)
    starts = list(range(0, max(1, n_frames - PARTIAL_FRAMES + step + 1), step))
    coverage = (n_samples - starts[-1] * HOP) / (PARTIAL_FRAMES * HOP)
    if coverage < _LEAST_COVERAGE and len(starts) > 1:
        starts.pop()
    return tuple(starts)
