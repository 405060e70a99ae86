"""The speaker encoders: features by formula, published layouts, determinism, refusals."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from layers.capture.types import FloatArray
from layers.known_models import known_models
from layers.registry import State, find
from layers.voice.slaney_mel import slaney_filters
from layers.voice.speaker.ecapa import FILE, EcapaEncoder
from layers.voice.speaker.ge2e import PARTIAL_FRAMES, Ge2eEncoder, Ge2eNetwork, partial_starts
from layers.voice.speaker.load import load_encoder
from layers.voice.speaker.mel import N_FFT, htk_filters
from layers.voice.speaker.protocol import EncoderMissingError, EncoderRefusedError

RATE = 16_000


def tone(seconds: float, hz: float = 220.0) -> FloatArray:
    t = np.arange(round(seconds * RATE)) / RATE
    harmonics = np.sum([np.sin(2 * np.pi * hz * n * t) / n for n in range(1, 6)], axis=0)
    sound = 0.1 * harmonics * (1 + 0.5 * np.sin(2 * np.pi * 3 * t))
    return np.asarray(sound, dtype=np.float32)


def test_slaney_filters_are_those_that_librosa_makes() -> None:
    spec = find_spec("whisper")
    assert spec is not None
    assert spec.origin is not None
    # Whisper's wheel ships filters that librosa made, of the same scale, window and rate.
    with np.load(Path(spec.origin).parent / "assets" / "mel_filters.npz") as stored:
        assert np.allclose(slaney_filters(80, 16_000, N_FFT), stored["mel_80"], atol=1e-6)


def test_htk_filters_peak_at_their_centres_and_keep_the_left_width() -> None:
    filters = htk_filters(80)
    assert filters.shape == (80, 201)
    top = 2595 * np.log10(1 + 8000 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, 82) / 2595) - 1)
    last, centre, width = filters[-1], edges[80], edges[80] - edges[79]
    bins = np.linspace(0, 8000, 201)
    assert np.allclose(last, np.maximum(0, 1 - np.abs(bins - centre) / width), atol=1e-6)


@pytest.mark.parametrize(
    ("seconds", "n"),
    # One partial of 1.6 s; another each 0.77 s, the last one only if it holds 1.2 s of speech.
    [(0.5, 1), (1.6, 1), (1.96, 1), (1.98, 2), (2.73, 2), (2.75, 3)],
)
def test_partials_start_every_77_frames_and_the_last_is_three_quarters_full(
    seconds: float, n: int
) -> None:
    assert partial_starts(round(seconds * RATE)) == tuple(77 * index for index in range(n))


def test_ge2e_maps_mel_frames_to_positive_vectors_of_length_one() -> None:
    torch.manual_seed(0)
    network = Ge2eNetwork().eval()
    assert sum(p.numel() for p in network.parameters()) == 1_423_616
    with torch.inference_mode():
        embeddings = network(torch.rand(3, PARTIAL_FRAMES, 40))
    assert embeddings.shape == (3, 256)
    assert bool((embeddings >= 0).all())
    assert torch.allclose(embeddings.norm(dim=1), torch.ones(3))


def test_the_bundled_encoder_is_verified_and_the_same_sound_gives_the_same_voiceprint() -> None:
    entry = next(one for one in known_models() if one.name == "speaker-ge2e")
    if find(entry).state is State.ABSENT:
        pytest.skip("the speaker encoder is not here: pip install --no-deps resemblyzer==0.1.4")
    encoder = load_encoder("ge2e")
    assert encoder.digest == entry.sha256
    sound = tone(3.0)
    first = encoder.embed_partials(sound)
    assert first.shape == (3, 256)
    assert np.array_equal(first, load_encoder("ge2e").embed_partials(sound))
    other = encoder.embed_partials(tone(3.0, hz=120.0))
    assert float(first[0] @ other[0]) < 0.999  # it listens to what it is given
    # Quiet sound is raised to -30 dB first: its level says nothing of the voice.
    quiet = encoder.embed_partials((1e-3 * sound).astype(np.float32))
    loud = encoder.embed_partials((1e-2 * sound).astype(np.float32))
    assert np.allclose(quiet, loud, atol=1e-4)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pretrained.pt"
    torch.save({"model_state": Ge2eNetwork().state_dict()}, path)
    with pytest.raises(EncoderRefusedError, match=r"resemblyzer==0\.1\.4"):
        Ge2eEncoder(path, "39" * 32)


def published_layout() -> dict[str, tuple[int, ...]]:
    """Keys and shapes of spkrec-ecapa-voxceleb's embedding_model.ckpt, written down by hand."""
    shapes: dict[str, tuple[int, ...]] = {}

    def conv(name: str, inputs: int, outputs: int, kernel: int = 1) -> None:
        shapes[f"{name}.conv.weight"] = (outputs, inputs, kernel)
        shapes[f"{name}.conv.bias"] = (outputs,)

    def norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.norm.{part}"] = (channels,)
        shapes[f"{name}.norm.num_batches_tracked"] = ()

    def tdnn(name: str, inputs: int, outputs: int, kernel: int = 1) -> None:
        conv(f"{name}.conv", inputs, outputs, kernel)
        norm(f"{name}.norm", outputs)

    tdnn("blocks.0", 80, 1024, 5)
    for block in (1, 2, 3):
        tdnn(f"blocks.{block}.tdnn1", 1024, 1024)
        for part in range(7):
            tdnn(f"blocks.{block}.res2net_block.blocks.{part}", 128, 128, 3)
        tdnn(f"blocks.{block}.tdnn2", 1024, 1024)
        conv(f"blocks.{block}.se_block.conv1", 1024, 128)
        conv(f"blocks.{block}.se_block.conv2", 128, 1024)
    tdnn("mfa", 3072, 3072)
    tdnn("asp.tdnn", 9216, 128)
    conv("asp.conv", 128, 3072)
    norm("asp_bn", 6144)
    conv("fc", 6144, 192)
    return shapes


@pytest.fixture(scope="module")
def ecapa_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = torch.Generator().manual_seed(0)
    state = {}
    for key, shape in published_layout().items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(1)
        elif re.search(r"running_var$|norm\.weight$", key):
            state[key] = torch.rand(shape, generator=generator) + 0.5
        else:
            state[key] = 0.05 * torch.randn(shape, generator=generator)
    folder = tmp_path_factory.mktemp("models") / "spkrec-ecapa-voxceleb"
    folder.mkdir()
    torch.save(state, folder / FILE)
    return folder


def test_ecapa_takes_the_published_layout_strictly(ecapa_folder: Path) -> None:
    encoder = load_encoder("ecapa", ecapa_folder.parent)
    assert len(published_layout()) == 231
    sound = tone(5.0)
    embeddings = encoder.embed_partials(sound)
    assert embeddings.shape == (3, 192)  # at 0 s, 1.5 s and 2 s
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-5)
    assert np.array_equal(embeddings, encoder.embed_partials(sound))
    assert encoder.embed_partials(sound[:RATE]).shape == (1, 192)
    # Each band's mean is removed: the level of the recording says nothing of the voice.
    quieter = encoder.embed_partials((0.25 * sound).astype(np.float32))
    assert np.allclose(embeddings, quieter, atol=1e-3)


def test_ecapa_refuses_what_is_not_its_checkpoint(tmp_path: Path, ecapa_folder: Path) -> None:
    with pytest.raises(EncoderMissingError, match=FILE):
        EcapaEncoder(tmp_path)
    state = torch.load(ecapa_folder / FILE, weights_only=True)
    state.pop("fc.conv.bias")
    torch.save(state, tmp_path / FILE)
    with pytest.raises(EncoderRefusedError, match="RuntimeError"):
        EcapaEncoder(tmp_path)
    (tmp_path / FILE).write_bytes(b"not a checkpoint")
    with pytest.raises(EncoderRefusedError, match="not a checkpoint"):
        EcapaEncoder(tmp_path)


def test_an_encoder_is_named_or_refused_with_what_to_do() -> None:
    with pytest.raises(ValueError, match="must be 'ge2e' or 'ecapa'"):
        load_encoder("other")
    with pytest.raises(EncoderMissingError, match="BONAFIDE_MODELS_FOLDER"):
        load_encoder("ecapa")
