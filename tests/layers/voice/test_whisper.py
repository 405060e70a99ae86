"""Whisper's loading and gates, with a tiny checkpoint of random weights that the test makes."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from whisper.model import ModelDimensions, Whisper

from layers.voice.models import load_recogniser
from layers.voice.recogniser import Vocabulary
from layers.voice.whisper_recogniser import (
    Segment,
    WhisperCheckpointError,
    WhisperRecogniser,
    gated,
)

OPEN = Vocabulary("open")
CLEAR = Segment(" Tiger, lemon 4", no_speech=0.01, mean_logprob=-0.2, compression=1.0)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The vocabulary of the English-only models; everything else as small as it can be.
    dims = ModelDimensions(80, 1500, 8, 2, 1, 51864, 32, 8, 2, 1)
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("whisper") / "mini.en.pt"
    content = {"dims": asdict(dims), "model_state_dict": Whisper(dims).state_dict()}
    torch.save(content, path)
    return path


# Whisper leaves the file of its vocabulary to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_checkpoint_loads_and_transcribes_without_a_network(checkpoint: Path) -> None:
    recogniser = load_recogniser(checkpoint)
    assert isinstance(recogniser, WhisperRecogniser)
    assert recogniser.name == "whisper (mini.en)"
    assert len(recogniser.digest) == 64
    samples = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    heard = recogniser.transcribe(samples, OPEN)
    assert heard == recogniser.transcribe(samples, OPEN)
    assert heard.words == ()  # random weights guess, and guesses are gated
    assert heard.reason


def test_nothing_is_no_speech(checkpoint: Path) -> None:
    empty = np.zeros(0, dtype=np.float32)
    assert WhisperRecogniser(checkpoint).transcribe(empty, OPEN).reason == "no_speech"


def test_trusted_segments_are_joined_and_normalised() -> None:
    more = Segment(" river!", no_speech=0.1, mean_logprob=-0.5, compression=1.0)
    heard = gated((CLEAR, more), "en")
    assert heard.words == ("tiger", "lemon", "four", "river")
    assert heard.confidence == pytest.approx(np.exp(-0.5))


@pytest.mark.parametrize(
    "bad",
    [
        Segment(" tiger", no_speech=0.61, mean_logprob=-0.2, compression=1.0),
        Segment(" tiger", no_speech=0.01, mean_logprob=-1.01, compression=1.0),
        Segment(" tiger", no_speech=0.01, mean_logprob=-0.2, compression=2.41),
    ],
)
def test_silence_guesses_and_loops_are_not_heard(bad: Segment) -> None:
    assert gated((bad,), "en").words == ()
    assert gated((bad,), "en").reason == "nothing_understood"
    assert gated((CLEAR, bad), "en").words == gated((CLEAR,), "en").words


def test_no_segments_is_no_speech() -> None:
    assert gated((), "en").reason == "no_speech"


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WhisperCheckpointError, match="no such Whisper checkpoint"):
        WhisperRecogniser(tmp_path / "tiny.pt")
    (tmp_path / "text.pt").write_text("not a checkpoint")
    with pytest.raises(WhisperCheckpointError, match="not an openai-whisper checkpoint"):
        WhisperRecogniser(tmp_path / "text.pt")
    torch.save({"dims": {}}, tmp_path / "empty.pt")
    with pytest.raises(WhisperCheckpointError, match="model_state_dict"):
        WhisperRecogniser(tmp_path / "empty.pt")
