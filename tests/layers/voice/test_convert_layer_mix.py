"""A layer-mix checkpoint that the test makes, converted, gives minus its own logit as the score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from layers.voice.convert_layer_mix import convert
from layers.voice.detector.errors import DetectorFilesError
from tests.layers.voice.test_transformers_classifier import noise, tiny_config, transformers


class LayerMix(torch.nn.Module):
    """The published network, as its makers describe it."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.backbone = transformers.Wav2Vec2Model(config)
        self.layer_weights = torch.nn.Parameter(torch.randn(config.num_hidden_layers + 1))
        self.head = torch.nn.Linear(config.hidden_size, 1)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        hidden = torch.stack(self.backbone(samples, output_hidden_states=True).hidden_states)
        mixed = (hidden * self.layer_weights.softmax(0)[:, None, None, None]).sum(0)
        logit: torch.Tensor = self.head(mixed.mean(1))
        return logit


def save(folder: Path) -> LayerMix:
    torch.manual_seed(9)
    network = LayerMix(tiny_config()).eval()
    network.backbone.config.save_pretrained(folder)
    torch.save(network.state_dict(), folder / "detector.pt")
    return network


def test_the_score_is_minus_the_published_logit(tmp_path: Path) -> None:
    network = save(tmp_path)
    filled = np.resize(noise(2.0), 64_000)
    plain = (filled - filled.mean()) / (filled.std() + 1e-7)
    with torch.inference_mode():
        logit = network(torch.from_numpy(plain)[None]).item()
    (window,) = convert(tmp_path).score_windows(noise(2.0))
    assert window.score == pytest.approx(-logit, abs=1e-4)
    assert abs(logit) > 0.01


def test_what_is_no_such_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorFilesError, match=r"needs one \*\.pt file and the encoder's config"):
        convert(tmp_path)
    network = save(tmp_path)
    state = network.state_dict()
    torch.save({**state, "other": torch.zeros(1)}, tmp_path / "detector.pt")
    with pytest.raises(DetectorFilesError, match=r"not known \['other'\]"):
        convert(tmp_path)
    lacking = {name: value for name, value in state.items() if "layers.1.attention" not in name}
    torch.save(lacking, tmp_path / "detector.pt")
    with pytest.raises(DetectorFilesError, match="the weights don't fit the model"):
        convert(tmp_path)
