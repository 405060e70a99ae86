"""wav2vec2-like sequence classifiers from a local transformers folder, as a speech detector."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from torch import Tensor

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.detector.classifier_folder import ClassifierFolder, read_folder
from layers.voice.detector.errors import DetectorFilesError
from layers.voice.detector.transformers_import import import_transformers
from layers.voice.detector.windows import checked, cut_windows
from verdict.voice_evidence import WindowScore

# About what such classifiers are fine-tuned on; one window of XLS-R 300M takes 0.5 GB at work.
_WINDOW = 4 * SAMPLE_RATE_HZ
_VARIANCE_FLOOR = 1e-7  # that of transformers' Wav2Vec2FeatureExtractor
# What transformers lets through of a folder whose model it does not know or whose weights are cut.
_UNREADABLE = (
    OSError,
    ValueError,
    RuntimeError,
    KeyError,
    EOFError,
    pickle.UnpicklingError,
    SafetensorError,
)


class TransformersDetector:
    """A two-class classifier: the score is the log-odds of bona fide.

    Parameters
    ----------
    folder : Path
        Holds ``config.json``, ``preprocessor_config.json`` and ``model.safetensors``; nothing
        is downloaded, and no code of the folder is run.
    bona_fide_label : str, optional
        Name of the bona fide class, where the model's own ``id2label`` does not tell.

    Raises
    ------
    DetectorFilesError
        When the folder is not such a model.
    """

    def __init__(self, folder: Path, bona_fide_label: str | None = None) -> None:
        found = read_folder(folder, bona_fide_label)
        self._bona_fide = found.bona_fide
        self._digest = found.digest
        self._normalises = found.normalises
        self._network = _load(found)

    @property
    def digest(self) -> str:
        """SHA-256 over the weights."""
        return self._digest

    def score_windows(self, waveform: npt.NDArray[np.float32]) -> tuple[WindowScore, ...]:
        """Score half-overlapping windows of 4 s; higher is more bona fide.

        Raises
        ------
        TypeError, ValueError
            If the waveform breaks the input contract (see ``windows.checked``).
        """
        return tuple(
            WindowScore(
                window.start / SAMPLE_RATE_HZ,
                window.end / SAMPLE_RATE_HZ,
                self._log_odds(window.samples),
            )
            for window in cut_windows(checked(waveform), _WINDOW, _WINDOW // 2)
        )

    def _log_odds(self, samples: npt.NDArray[np.float32]) -> float:
        # One window at a time: memory stays that of one, and no score depends on its batch.
        given = torch.from_numpy(standardised(samples) if self._normalises else samples)
        with torch.inference_mode():
            logits: Tensor = self._network(given[None]).logits[0]
        return float(logits[self._bona_fide] - logits[1 - self._bona_fide])


def standardised(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the samples with mean 0 and variance 1, as wav2vec2's ``do_normalize`` asks."""
    centred = samples - samples.mean()
    unit: npt.NDArray[np.float32] = (centred / np.sqrt(samples.var() + _VARIANCE_FLOOR)).astype(
        np.float32
    )
    return unit


def _load(found: ClassifierFolder) -> Any:
    loader = import_transformers().AutoModelForAudioClassification
    try:
        network, report = loader.from_pretrained(
            found.path,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=found.has_safetensors,
            weights_only=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except _UNREADABLE as error:
        why = str(error) or type(error).__name__
        msg = f"{found.path}: can't be loaded as an audio classifier: {why}; fetch it again"
        raise DetectorFilesError(msg) from error
    wrong = {name: sorted(map(str, keys)) for name, keys in report.items() if keys}
    if wrong:
        # transformers would go on with random weights in the place of missing ones.
        msg = f"{found.path}: the weights don't fit the model: {wrong}"
        raise DetectorFilesError(msg)
    return network.eval()
