"""A transformers model folder read without torch: weights, labels, rate. Never a download."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layers.capture.types import SAMPLE_RATE_HZ
from layers.registry import file_digest
from layers.voice.detector.errors import DetectorFilesError

FOLDER_SETTING = "BONAFIDE_VOICE_MODEL_FOLDER"
LABEL_SETTING = "BONAFIDE_VOICE_BONA_FIDE_LABEL"

# As published classifiers name their two classes, letters only.
_BONA_FIDE = frozenset({"real", "bonafide", "human", "genuine", "original", "authentic", "live"})
_ATTACK = frozenset(
    {
        "fake",
        "spoof",
        "spoofed",
        "synthetic",
        "deepfake",
        "ai",
        "aigenerated",
        "generated",
        "cloned",
    }
)
# What transformers calls the classes of a model that names none.
_UNNAMED = {"0": "LABEL_0", "1": "LABEL_1"}
# The only feature extractor that hands the samples on; others make pictures of them.
_EXTRACTOR = "Wav2Vec2FeatureExtractor"


@dataclass(frozen=True, slots=True)
class ClassifierFolder:
    """What the folder holds.

    Parameters
    ----------
    weights
        The weights files, in name order.
    bona_fide
        Which of the two outputs stands for bona fide.
    normalises
        Whether the samples are brought to mean 0 and variance 1 first.
    """

    path: Path
    weights: tuple[Path, ...]
    bona_fide: int
    normalises: bool

    @property
    def has_safetensors(self) -> bool:
        """Whether the weights carry no code."""
        return self.weights[0].suffix == ".safetensors"

    @property
    def digest(self) -> str:
        """SHA-256 of the weights file; of several, over their names and digests in name order."""
        if len(self.weights) == 1:
            return file_digest(self.weights[0])
        lines = [f"{file.name} {file_digest(file)}\n" for file in self.weights]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_folder(path: Path, bona_fide_label: str | None = None) -> ClassifierFolder:
    """Read a folder with ``config.json``, ``preprocessor_config.json`` and weights.

    Parameters
    ----------
    bona_fide_label
        Name of the bona fide class in the model's own ``id2label``, where it can't be told.

    Raises
    ------
    DetectorFilesError
        When something is missing or does not fit a two-class classifier of 16 kHz samples.
    """
    if not path.is_dir():
        msg = f"{path} is not a folder; set {FOLDER_SETTING} to a transformers model folder"
        raise DetectorFilesError(msg)
    normalises = _normalises(path)
    index = _bona_fide_index(path, bona_fide_label)
    return ClassifierFolder(path, _weights(path), index, normalises)


def _normalises(path: Path) -> bool:
    settings = _read(path / "preprocessor_config.json")
    kind = settings.get("feature_extractor_type", _EXTRACTOR)
    if kind != _EXTRACTOR:
        msg = f"{path}: its feature extractor is {kind}; only {_EXTRACTOR} (raw samples) fits"
        raise DetectorFilesError(msg)
    rate = settings.get("sampling_rate")
    if rate != SAMPLE_RATE_HZ:
        msg = f"{path}: it wants sound at {rate} Hz; only models of {SAMPLE_RATE_HZ} Hz fit"
        raise DetectorFilesError(msg)
    return bool(settings.get("do_normalize", True))


def _weights(path: Path) -> tuple[Path, ...]:
    for pattern in ("model*.safetensors", "pytorch_model*.bin"):
        if files := tuple(sorted(path.glob(pattern))):
            return files
    msg = f"{path}: has no model.safetensors (or pytorch_model.bin); download the weights again"
    raise DetectorFilesError(msg)


def _bona_fide_index(path: Path, wanted: str | None) -> int:
    labels = _read(path / "config.json").get("id2label") or _UNNAMED
    if not isinstance(labels, dict) or not all(index.isdecimal() for index in labels):
        msg = f"{path}: id2label in its config.json must name the labels by number, 0 and 1"
        raise DetectorFilesError(msg)
    names = {int(index): str(name) for index, name in labels.items()}
    if sorted(names) != [0, 1]:
        msg = f"{path}: needs two labels, 0 and 1, but has {len(names)}: {_listed(names)}"
        raise DetectorFilesError(msg)
    if wanted is not None:
        chosen = [index for index, name in names.items() if _letters(name) == _letters(wanted)]
        if len(chosen) != 1:
            msg = f"{path}: {LABEL_SETTING} is '{wanted}', but its labels are {_listed(names)}"
            raise DetectorFilesError(msg)
        return chosen[0]
    genuine = [index for index, name in names.items() if _letters(name) in _BONA_FIDE]
    attack = [index for index, name in names.items() if _letters(name) in _ATTACK]
    if len(genuine) == 1 and genuine != attack:
        return genuine[0]
    if len(attack) == 1 and not genuine:
        return 1 - attack[0]
    msg = (
        f"{path}: which of its labels {_listed(names)} is bona fide can't be told; "
        f"set {LABEL_SETTING} to that label"
    )
    raise DetectorFilesError(msg)


def _listed(names: Mapping[int, str]) -> str:
    return ", ".join(repr(names[index]) for index in sorted(names))


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        msg = f"{file}: can't be read: {error}; give a folder as save_pretrained writes it"
        raise DetectorFilesError(msg) from None
    if not isinstance(content, dict):
        msg = f"{file}: is not a JSON object; give a folder as save_pretrained writes it"
        raise DetectorFilesError(msg)
    return content
