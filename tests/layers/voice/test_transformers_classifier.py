"""Classifiers of a transformers folder: a tiny random one, saved by the test and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from layers.registry import file_digest
from layers.voice.detector.classifier_folder import read_folder
from layers.voice.detector.errors import DetectorFilesError
from layers.voice.detector.transformers_classifier import TransformersDetector
from layers.voice.detector.transformers_import import import_transformers

transformers = import_transformers()
Wave = npt.NDArray[np.float32]


def tiny_config(**changes: Any) -> Any:
    sizes: dict[str, Any] = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "conv_dim": (8, 8),
        "conv_kernel": (10, 8),
        "conv_stride": (10, 8),
        "num_feat_extract_layers": 2,
        "num_conv_pos_embeddings": 4,
        "num_conv_pos_embedding_groups": 2,
        "classifier_proj_size": 8,
    }
    return transformers.Wav2Vec2Config(**(sizes | changes))


def save(folder: Path, labels: tuple[str, ...] = ("real", "fake"), normalise: bool = True) -> Any:
    torch.manual_seed(5)
    config = tiny_config(id2label=dict(enumerate(labels)), num_labels=len(labels))
    network = transformers.Wav2Vec2ForSequenceClassification(config).eval()
    network.save_pretrained(folder)
    settings = {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "do_normalize": normalise,
        "sampling_rate": 16_000,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(settings))
    return network


def rewrite(file: Path, **changes: Any) -> None:
    content = json.loads(file.read_text())
    content |= changes
    file.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def noise(seconds: float) -> Wave:
    drawn = np.random.default_rng(3).standard_normal(round(16_000 * seconds))
    return (0.1 * drawn).astype(np.float32)


def score(folder: Path, label: str | None = None) -> float:
    (window,) = TransformersDetector(folder, label).score_windows(noise(2.0))
    return window.score


def test_the_score_is_the_log_odds_of_bona_fide(tmp_path: Path) -> None:
    network = save(tmp_path)
    filled = np.resize(noise(2.0), 64_000)
    plain = (filled - filled.mean()) / np.sqrt(filled.var() + 1e-7)
    with torch.inference_mode():
        p_real = network(torch.from_numpy(plain)[None]).logits.softmax(1)[0, 0].item()
    assert score(tmp_path) == pytest.approx(np.log(p_real / (1 - p_real)), abs=1e-4)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("real", "fake"), ("fake", "real")),
        (("Bona-Fide", "Spoof"), ("spoof", "bonafide")),
        (("HUMAN", "AI-generated"), ("synthetic", "genuine")),
        (("original", "LABEL_1"), ("deepfake", "LABEL_1")),
    ],
)
def test_the_label_order_turns_the_sign(
    tmp_path: Path, one: tuple[str, str], other: tuple[str, str]
) -> None:
    save(tmp_path / "one", one)
    save(tmp_path / "other", other)
    assert score(tmp_path / "one") == -score(tmp_path / "other") != 0.0


def test_a_label_that_can_not_be_told_is_a_setting(tmp_path: Path) -> None:
    save(tmp_path, ("LABEL_0", "LABEL_1"))
    with pytest.raises(
        DetectorFilesError, match=r"'LABEL_0', 'LABEL_1' is bona fide can't be told; set BONAFIDE_V"
    ):
        read_folder(tmp_path)
    assert score(tmp_path, "label_0") == -score(tmp_path, "LABEL_1")
    with pytest.raises(DetectorFilesError, match=r"BONA_FIDE_LABEL is 'real', but its labels are"):
        read_folder(tmp_path, "real")


def test_the_feature_extractor_says_whether_samples_are_normalised(tmp_path: Path) -> None:
    save(tmp_path / "plain", normalise=False)
    save(tmp_path / "normal", normalise=True)
    plain, normal = (TransformersDetector(tmp_path / name) for name in ("plain", "normal"))
    soft = noise(2.0) * 0.01
    assert normal.score_windows(soft)[0].score == pytest.approx(
        normal.score_windows(noise(2.0))[0].score, abs=0.05
    )
    assert plain.score_windows(soft) != plain.score_windows(noise(2.0))


def test_long_speech_is_scored_in_windows_and_the_digest_is_that_of_the_weights(
    tmp_path: Path,
) -> None:
    save(tmp_path)
    detector = TransformersDetector(tmp_path)
    windows = detector.score_windows(noise(9.0))
    assert [window.start_s for window in windows] == [0.0, 2.0, 4.0, 5.0]
    assert windows[-1].end_s == 9.0
    assert detector.digest == file_digest(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"at least 0\.3 s"):
        detector.score_windows(noise(0.1))


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("config.json", {"id2label": None}, "'LABEL_0', 'LABEL_1' is bona fide can't be told"),
        ("config.json", {"id2label": {"0": "a", "1": "b", "2": "c"}}, "needs two labels.* has 3"),
        ("config.json", {"id2label": {"a": "real", "b": "fake"}}, "must name the labels by number"),
        ("config.json", {"id2label": ["real", "fake"]}, "must name the labels by number"),
        ("preprocessor_config.json", {"sampling_rate": 8_000}, "wants sound at 8000 Hz"),
        (
            "preprocessor_config.json",
            {"feature_extractor_type": "ASTFeatureExtractor"},
            "its feature extractor is ASTFeatureExtractor",
        ),
        ("config.json", {"hidden_size": 24}, "the weights don't fit|can't be loaded"),
        ("config.json", {"num_hidden_layers": 3}, "the weights don't fit the model"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    tmp_path: Path, file: str, changes: dict[str, Any], message: str
) -> None:
    save(tmp_path)
    rewrite(tmp_path / file, **changes)
    with pytest.raises(DetectorFilesError, match=message):
        TransformersDetector(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("content", [b"", b"no weights"])
def test_weights_that_are_cut_are_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DetectorFilesError, match="can't be loaded as an audio classifier"):
        TransformersDetector(tmp_path)


def test_a_folder_that_is_none_or_lacks_its_weights(tmp_path: Path) -> None:
    with pytest.raises(DetectorFilesError, match="set BONAFIDE_VOICE_MODEL_FOLDER"):
        read_folder(tmp_path / "gone")
    with pytest.raises(DetectorFilesError, match=r"preprocessor_config\.json: can't be read"):
        read_folder(tmp_path)
    save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(DetectorFilesError, match=r"has no model\.safetensors"):
        read_folder(tmp_path)
