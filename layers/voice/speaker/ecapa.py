"""The ECAPA-TDNN encoder from a local folder in the layout of SpeechBrain's spkrec-ecapa-voxceleb.

Tested with random weights in that layout; the published file was not at hand.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray
from layers.voice.speaker.ecapa_network import INPUTS, EcapaNetwork
from layers.voice.speaker.mel import HOP, N_FFT, htk_filters
from layers.voice.speaker.protocol import EncoderMissingError, EncoderRefusedError

FILE = "embedding_model.ckpt"

_STRETCH_S = 3.0  # the length of the clips that it was trained on
_STEP_S = 1.5
_SHORTEST_SAMPLES = 5 * HOP  # mirrored ends need that many frames
_FLOOR = 1e-10
_RANGE_DB = 80.0


class EcapaEncoder:
    """SpeechBrain's encoder behind the encoder interface.

    Parameters
    ----------
    folder
        Holds ``embedding_model.ckpt``; never downloaded.

    Raises
    ------
    EncoderMissingError
        When it does not.
    EncoderRefusedError
        When the file is not a checkpoint of this network.
    """

    name = "ecapa"

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        if not path.is_file():
            msg = f"{folder} has no {FILE}; put the files of spkrec-ecapa-voxceleb there"
            raise EncoderMissingError(msg)
        content = path.read_bytes()
        self._digest = hashlib.sha256(content).hexdigest()
        self._network = EcapaNetwork()
        try:
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            self._network.load_state_dict(state, strict=True)
        except Exception as error:
            # Unpickling and loading fail in many ways; each means the same to a deployment.
            msg = f"{FILE} is not a checkpoint of spkrec-ecapa-voxceleb ({type(error).__name__})"
            raise EncoderRefusedError(msg) from None
        self._network.eval()
        self._filters = torch.from_numpy(htk_filters(INPUTS))
        self._window = torch.hamming_window(N_FFT)

    @property
    def digest(self) -> str:
        """SHA-256 of the checkpoint."""
        return self._digest

    def embed_partials(self, speech: FloatArray) -> FloatArray:
        """Return one embedding of length one per 3 s, 1.5 s apart; one for shorter speech.

        Parameters
        ----------
        speech : float32 (N,)
            Mono at 16 kHz, silence cut out, 50 ms or more.

        Returns
        -------
        float32 (partials, 192)
            At least one.

        Raises
        ------
        ValueError
            When there is less than 50 ms.
        """
        if len(speech) < _SHORTEST_SAMPLES:
            msg = f"expected at least {_SHORTEST_SAMPLES} samples of speech, got {len(speech)}"
            raise ValueError(msg)
        size, step = round(_STRETCH_S * SAMPLE_RATE_HZ), round(_STEP_S * SAMPLE_RATE_HZ)
        last = max(0, len(speech) - size)
        starts = sorted({*range(0, last, step), last})
        with torch.inference_mode():
            made = [self._network(self.log_mel(speech[at : at + size])[None]) for at in starts]
            embeddings: FloatArray = functional.normalize(torch.cat(made), dim=1).numpy()
        return embeddings

    def log_mel(self, samples: FloatArray) -> Tensor:
        """Return the log-mel spectrum in dB with each band's mean removed, ``(80, frames)``."""
        spectrum = torch.stft(
            torch.from_numpy(samples.copy()),
            N_FFT,
            HOP,
            window=self._window,
            pad_mode="constant",
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        level_db = 10.0 * torch.log10((self._filters @ power).clamp(min=_FLOOR))
        level_db = level_db.clamp(min=float(level_db.max()) - _RANGE_DB)
        return level_db - level_db.mean(1, keepdim=True)
