"""Make a transformers folder from a checkpoint that mixes the layers of a wav2vec2 encoder.

    python -m layers.voice.convert_layer_mix FOLDER

FOLDER holds the encoder's own ``config.json`` and one ``*.pt`` file with the keys ``backbone.*``
(a Wav2Vec2Model), ``layer_weights`` (one per hidden state) and ``head.weight``, ``head.bias`` (one
logit, higher = synthetic). That is how pellav2 is published. The same function of the samples is
a Wav2Vec2ForSequenceClassification with weighted layers and an identity for a projector, which
the adapter loads; ``model.safetensors``, ``config.json`` and ``preprocessor_config.json`` are
written beside the checkpoint.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.detector.errors import DetectorFilesError
from layers.voice.detector.transformers_classifier import TransformersDetector

_HEAD = ("layer_weights", "head.weight", "head.bias")
_ENCODER = "backbone."


def classifier_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of the equal Wav2Vec2ForSequenceClassification; class 0 is bona fide.

    Raises
    ------
    DetectorFilesError
        When the keys or shapes are not those of such a checkpoint.
    """
    missing = [name for name in _HEAD if name not in state]
    others = sorted(name for name in state if name not in _HEAD and not name.startswith(_ENCODER))
    if missing or others:
        msg = f"not a layer-mix checkpoint: missing {missing}, not known {others[:5]}"
        raise DetectorFilesError(msg)
    head = state["head.weight"].float()
    if head.ndim != 2 or len(head) != 1:
        msg = f"head.weight: expected shape (1, width), got {tuple(head.shape)}"
        raise DetectorFilesError(msg)
    made = {
        f"wav2vec2.{name.removeprefix(_ENCODER)}": value.float().contiguous()
        for name, value in state.items()
        if name.startswith(_ENCODER)
    }
    width = head.shape[1]
    bias = state["head.bias"].float()
    return made | {
        "layer_weights": state["layer_weights"].float(),
        "projector.weight": torch.eye(width),
        "projector.bias": torch.zeros(width),
        # A logit of zero for bona fide: the log-odds of bona fide are minus the logit published.
        "classifier.weight": torch.cat([torch.zeros(1, width), head]),
        "classifier.bias": torch.cat([torch.zeros(1), bias]),
    }


def convert(folder: Path) -> TransformersDetector:
    """Write the folder's transformers files and return the detector that loads them.

    Raises
    ------
    DetectorFilesError
        When the folder has no such checkpoint, or its encoder is not the one of its config.
    """
    checkpoints = sorted(folder.glob("*.pt"))
    if len(checkpoints) != 1 or not (folder / "config.json").is_file():
        msg = f"{folder}: needs one *.pt file and the encoder's config.json beside it"
        raise DetectorFilesError(msg)
    try:
        state = torch.load(checkpoints[0], map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a broken or unsafe file
        msg = f"{checkpoints[0]}: can't be read as weights: {error}"
        raise DetectorFilesError(msg) from error
    made = classifier_state(state)
    save_file(made, folder / "model.safetensors", {"format": "pt"})
    _write_configs(folder, width=made["projector.bias"].shape[0])
    return TransformersDetector(folder)


def _write_configs(folder: Path, width: int) -> None:
    file = folder / "config.json"
    config: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    config |= {
        "architectures": ["Wav2Vec2ForSequenceClassification"],
        "use_weighted_layer_sum": True,
        "classifier_proj_size": width,
        "id2label": {"0": "bonafide", "1": "spoof"},
        "label2id": {"bonafide": 0, "spoof": 1},
    }
    file.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    extractor = {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "do_normalize": True,
        "sampling_rate": SAMPLE_RATE_HZ,
    }
    text = json.dumps(extractor, indent=2) + "\n"
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert one folder and say its digest."""
    parser = argparse.ArgumentParser(description="make a transformers folder of a checkpoint")
    parser.add_argument("folder", type=Path)
    detector = convert(parser.parse_args(arguments).folder)
    print(f"weights {detector.digest}")  # noqa: T201


if __name__ == "__main__":
    main()
