"""What the artefact network learns from: folded weights, pictures a decoder drew, pairs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from layers.capture.types import FloatArray, Image
from layers.vision import blending_network
from layers.vision.artefact_network import CELL_PX, ArtefactNetwork
from layers.vision.efficientnet_lite import STAGES, WIDTH, Trunk
from layers.vision.ensemble import CROP_PX
from layers.vision.training import fit_blending, fit_network, pretrained
from layers.vision.training.camera import filmed, h264, lit
from layers.vision.training.clips import Clip
from layers.vision.training.drawing import Drawer, Mix
from layers.vision.training.faces import LabelledFace, square
from layers.vision.training.resynthesis import doubled, doubling_kernel, resynthesised
from layers.vision.training.self_blend import Face
from tests.layers.vision.vision_builders import astronaut


def crop_of_portrait() -> Face:
    portrait = astronaut()
    return square(portrait.image, portrait.points)


def fine(picture: Image) -> FloatArray:
    """Finest detail of the lightness."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 1.0), np.float32)


def detail(picture: Image) -> float:
    """Mean absolute finest detail."""
    return float(np.abs(fine(picture)).mean())


def published(rng: np.random.Generator) -> dict[str, torch.Tensor]:
    """Tensors named and shaped as the published file's, filled at random."""
    tensors: dict[str, torch.Tensor] = {}

    def put(conv: str, norm: str, shape: tuple[int, ...]) -> None:
        fan = int(np.prod(shape[1:]))
        tensors[f"{conv}.weight"] = torch.from_numpy(
            rng.normal(0, fan**-0.5, shape).astype(np.float32)
        )
        for part, low, high in (
            ("weight", 0.5, 1.5),
            ("bias", -0.2, 0.2),
            ("running_mean", -0.2, 0.2),
            ("running_var", 0.5, 1.5),
        ):
            values = rng.uniform(low, high, shape[0]).astype(np.float32)
            tensors[f"{norm}.{part}"] = torch.from_numpy(values)

    put("_conv_stem", "_bn0", (32, 3, 3, 3))
    n, width = 0, 32
    for stage in STAGES:
        for _ in range(stage.repeats):
            at, wide = f"_blocks.{n}.", width * stage.expand
            if stage.expand > 1:
                put(at + "_expand_conv", at + "_bn0", (wide, width, 1, 1))
            put(at + "_depthwise_conv", at + "_bn1", (wide, 1, stage.kernel, stage.kernel))
            put(at + "_project_conv", at + "_bn2", (stage.width, wide, 1, 1))
            n, width = n + 1, stage.width
    return tensors


def test_folding_the_normalisation_changes_no_number() -> None:
    tensors = published(np.random.default_rng(1))
    trunk = Trunk()
    pretrained.fold_into(trunk, tensors)
    norm = nn.BatchNorm2d(32, eps=pretrained.NORM_EPSILON).eval()
    norm.load_state_dict(
        {k: tensors[f"_bn0.{k}"] for k in ("weight", "bias", "running_mean", "running_var")}
        | {"num_batches_tracked": torch.tensor(0)}
    )
    x = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        wide = nn.functional.pad(x, (0, 1, 0, 1))
        expected = nn.functional.relu6(
            norm(nn.functional.conv2d(wide, tensors["_conv_stem.weight"], stride=2))
        )
        assert torch.allclose(trunk.stem(x), expected, atol=1e-5)
        assert trunk(torch.rand(2, 3, 64, 96)).shape == (2, WIDTH, 4, 6)


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(FileNotFoundError, match="training"):
        pretrained.pretrained_trunk()


def test_the_network_answers_per_cell_and_per_picture() -> None:
    torch.manual_seed(0)
    network = ArtefactNetwork().eval()
    with torch.inference_mode():
        cells, whole = network(torch.rand(2, 3, CROP_PX, CROP_PX))
    assert cells.shape == (2, CROP_PX // CELL_PX, CROP_PX // CELL_PX)
    assert whole.shape == (2,)


def test_doubling_keeps_a_plain_picture_plain() -> None:
    plain = np.full((8, 8, 3), 90, np.float32)
    for seed in range(20):
        kernel = doubling_kernel(np.random.default_rng(seed))
        assert kernel.sum() == pytest.approx(4, abs=1e-4)
        assert doubled(plain, kernel)[4:-4, 4:-4].mean() == pytest.approx(90, abs=1)


def test_resynthesis_takes_texture_and_keeps_the_picture() -> None:
    face = crop_of_portrait()
    own = fine(face.rgb)
    skin = np.abs(own) < 4  # texture, not edges
    kept = []
    for seed in range(8):
        drawn = resynthesised(np.random.default_rng(seed), face.rgb)
        assert drawn.shape == face.rgb.shape
        coarse = [cv2.GaussianBlur(p, (0, 0), 4).astype(float) for p in (drawn, face.rgb)]
        assert np.abs(coarse[0] - coarse[1])[16:-16, 16:-16].mean() < 6
        kept.append(float(np.corrcoef(fine(drawn)[skin], own[skin])[0, 1]))
    assert max(kept) < 0.9
    assert np.median(kept) < 0.6


def test_encoding_keeps_the_picture_and_costs_detail() -> None:
    face = crop_of_portrait()
    coded = h264(face.rgb, 34)
    assert coded.shape == face.rgb.shape
    assert detail(coded) < detail(face.rgb)
    assert np.abs(coded.astype(float) - face.rgb).mean() < 15
    assert lit(face.rgb, 1.0, 1.0).tolist() == face.rgb.tolist()
    assert lit(face.rgb, 1.6, 0.8).mean() < face.rgb.mean()


def test_one_camera_for_both_pictures_of_a_pair() -> None:
    face = crop_of_portrait()
    one, two = (filmed(np.random.default_rng(4), face.rgb[:224, :224]) for _ in range(2))
    assert np.array_equal(one, two)


def labelled_portrait() -> LabelledFace:
    clip = Clip(Path("a.mp4"), "a.mp4", "bonafide", "", "p", "", "p")
    return LabelledFace(crop_of_portrait(), clip, 0)


@pytest.mark.parametrize("mix", [fit_network.MIX, fit_blending.MIX], ids=["artefact", "blending"])
def test_pairs_differ_where_their_mask_says(mix: Mix) -> None:
    drawer = Drawer([labelled_portrait()], mix, np.random.default_rng(2))
    pixels, masks = drawer.batch(6)
    assert pixels.shape == (12, 3, CROP_PX, CROP_PX)
    assert float(masks[::2].max()) == 0.0
    assert all(float(mask.max()) > 0.2 for mask in masks[1::2])
    away = (pixels[1::2] - pixels[::2]).abs().mean(1)
    cells = nn.functional.avg_pool2d(away[:, None], mix.cell_px)[:, 0]
    inside = masks[1::2] > 0.5
    outside = masks[1::2] < 0.01
    assert float(cells[inside].mean()) > 2 * float(cells[outside].mean())


def test_the_loss_falls_when_the_answer_is_right() -> None:
    masks = torch.zeros(2, 14, 14)
    masks[1, 4:10, 4:10] = 1
    right = fit_network.loss_of((masks - 0.5) * 10, torch.tensor([-5.0, 5.0]), masks)
    wrong = fit_network.loss_of((0.5 - masks) * 10, torch.tensor([5.0, -5.0]), masks)
    assert float(right) < 0.1 < 3 < float(wrong)


def test_joined_parts_load_again(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    from layers.vision import artefact_network

    torch.manual_seed(3)
    parts = []
    for fold in range(2):
        state = ArtefactNetwork().state_dict()
        parts.append(tmp_path / f"fold{fold}.safetensors")
        save_file({k: v.contiguous() for k, v in state.items()}, parts[-1])
    fit_network.join(parts, tmp_path / "out", "digest")
    ensemble = artefact_network.load(tmp_path / "out" / "artefact_network.safetensors")
    assert len(ensemble.networks) == 2
    with torch.inference_mode():
        picture = torch.full((1, 3, 64, 64), 0.3)
        answers = [network(picture)[1] for network in ensemble.networks]
    assert not torch.equal(*answers)


def test_the_small_network_learns_writes_and_loads_again(tmp_path: Path) -> None:
    one = fit_blending.trained([labelled_portrait()], 0, 1)
    two = fit_blending.trained([labelled_portrait()], 1, 1)
    tensors = {
        f"{n}.{k}": v for n, made in enumerate((one, two)) for k, v in made.state_dict().items()
    }
    fit_blending.save(tensors, tmp_path, "digest", 2)
    loaded = blending_network.load(tmp_path / "blending_network.safetensors")
    with torch.inference_mode():
        picture = torch.full((1, 3, 64, 64), 0.3)
        answers = [network(picture)[0] for network in loaded.networks]
    assert answers[0].shape == (1, 8, 8)
    assert torch.equal(answers[0], one(picture)[0])
    assert not torch.equal(*answers)
