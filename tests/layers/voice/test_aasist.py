"""AASIST and AASIST-L: strict loading, windows as published, and the published weights."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from layers.registry import State, find
from layers.voice.detector.aasist import (
    FULL,
    LIGHT,
    SAMPLES,
    Aasist,
    AasistDetector,
    AasistSize,
    sinc_filters,
)
from layers.voice.detector.errors import DetectorFilesError
from layers.voice.detector.loading import DetectorFiles, digest_of, load_detector

SHARED = Path(__file__).resolve().parents[4] / "shared" / "models"
MODELS = Path(os.environ.get("BONAFIDE_MODELS_FOLDER", SHARED))


def speech_like(seconds: float) -> npt.NDArray[np.float32]:
    """Build a buzz with syllables, the same on every call."""
    t_s = np.arange(round(seconds * 16_000)) / 16_000
    buzz = sum(np.sin(2 * np.pi * 120 * k * t_s) / k for k in range(1, 40))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 3.0 * t_s)
    noise = 0.01 * np.random.default_rng(7).standard_normal(len(t_s))
    return np.asarray(0.1 * buzz * syllables + noise, dtype=np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("aasist") / "made.pth"
    torch.save(Aasist(LIGHT).state_dict(), path)
    return path


@pytest.mark.parametrize("size", [FULL, LIGHT])
def test_a_checkpoint_must_fit_to_the_last_key(tmp_path: Path, size: AasistSize) -> None:
    torch.manual_seed(3)
    state = Aasist(size).state_dict()
    torch.save(state, tmp_path / "made.pth")
    AasistDetector(tmp_path / "made.pth", size)
    torch.save({**state, "extra": torch.zeros(1)}, tmp_path / "more.pth")
    with pytest.raises(DetectorFilesError, match=r"Unexpected key.*extra"):
        AasistDetector(tmp_path / "more.pth", size)
    state.pop("pos_S")
    torch.save(state, tmp_path / "short.pth")
    with pytest.raises(DetectorFilesError, match=r"Missing key.*pos_S"):
        AasistDetector(tmp_path / "short.pth", size)


def test_sizes_are_not_mixed_up_and_other_files_are_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(DetectorFilesError, match="not an AASIST checkpoint of this size"):
        AasistDetector(made, FULL)
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(DetectorFilesError, match="not an AASIST checkpoint"):
        AasistDetector(tmp_path / "text.pth", LIGHT)


def test_windows_of_64600_samples_over_the_whole_clip(made: Path) -> None:
    detector = AasistDetector(made, LIGHT)
    wave = speech_like(9.0)
    windows = detector.score_windows(wave)
    assert [round(one.start_s * 16_000) for one in windows] == [0, 32_300, 64_600, 79_400]
    assert all(round((one.end_s - one.start_s) * 16_000) == SAMPLES for one in windows)
    # A window's score is that of its samples alone, whatever else is in the batch.
    (alone,) = detector.score_windows(wave[32_300 : 32_300 + SAMPLES])
    assert alone.score == pytest.approx(windows[1].score, abs=1e-4)


def test_a_short_clip_is_repeated_until_it_fills_a_window(made: Path) -> None:
    detector = AasistDetector(made, LIGHT)
    short = speech_like(1.0)
    (window,) = detector.score_windows(short)
    (filled,) = detector.score_windows(np.resize(short, SAMPLES))
    assert window.score == pytest.approx(filled.score, abs=1e-5)
    assert window.end_s == 1.0


def test_sinc_filters_pass_their_own_band() -> None:
    filters = sinc_filters()
    assert filters.shape == (70, 1, 129)
    response = torch.fft.rfft(filters[:, 0], 4_096).abs()
    centre = response[35:].argmax(1) * 16_000 / 4_096
    assert bool((centre[1:] > centre[:-1]).all())


def test_a_missing_file_says_where_it_comes_from_and_another_one_is_refused(
    tmp_path: Path, made: Path
) -> None:
    with pytest.raises(
        DetectorFilesError, match=r"'aasist-l' is not here: copy the file to aasist"
    ):
        load_detector("aasist-l", DetectorFiles(tmp_path))
    (tmp_path / "aasist").mkdir()
    (tmp_path / "aasist" / "AASIST-L.pth").write_bytes(made.read_bytes())
    for use in (load_detector, digest_of):
        with pytest.raises(DetectorFilesError, match=r"AASIST-L\.pth: not the file registered"):
            use("aasist-l", DetectorFiles(tmp_path))


@pytest.mark.recordings
@pytest.mark.parametrize(("name", "parameters"), [("aasist", 297_866), ("aasist-l", 85_306)])
def test_published_weights_map_strictly_and_score_stably(name: str, parameters: int) -> None:
    from layers.known_voice_detectors import AASIST_FILES

    entry = next(one for one in AASIST_FILES if one.name == name)
    if find(entry, MODELS).state is State.ABSENT:
        pytest.skip(f"{entry.file} is not in {MODELS}: set BONAFIDE_MODELS_FOLDER")
    files = DetectorFiles(MODELS)
    network = Aasist(FULL if name == "aasist" else LIGHT)
    state = torch.load(MODELS / entry.file, map_location="cpu", weights_only=True)
    assert set(state) == set(network.state_dict())
    assert sum(one.numel() for one in network.parameters()) == parameters
    first, again = (load_detector(name, files).score_windows(speech_like(3.0)) for _ in range(2))
    assert first == again
    assert digest_of(name, files) == entry.sha256
