"""The published presentation networks: crops, channels and classes, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from layers.capture.types import FloatArray, Image
from layers.vision import minifasnet
from layers.vision.minifasnet_network import DESIGNS, MiniFasNet
from tests.layers.vision.vision_builders import astronaut, capture_of, still
from verdict.policy import load_policy

POLICY = load_policy()
WIDTH, HEIGHT = 200, 160


def ramp() -> Image:
    """Red is the column, green the row, blue 7."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    return np.asarray(np.stack([columns, rows, np.full_like(rows, 7)], axis=2), np.uint8)


def box(left: float, top: float, right: float, bottom: float) -> FloatArray:
    return np.array([(left, top), (right, bottom)], np.float32)


@pytest.mark.parametrize(
    ("points", "scale", "expected"),
    [
        # Around the centre (100, 80), 20 x 20 enlarged 2.7 times.
        (box(90, 70, 110, 90), 2.7, (73, 53, 127, 107)),
        # The crop would leave the picture on the left and above: moved, not cut.
        (box(0, 0, 20, 20), 4.0, (0, 0, 80, 80)),
        # 40 px high: 159 / 40 is the most that fits, in place of 4.
        (box(80, 60, 120, 100), 4.0, (20.5, 0, 179.5, 159)),
    ],
    ids=["inside", "moved", "shrunk"],
)
def test_the_crop_is_the_documented_one(
    points: FloatArray, scale: float, expected: tuple[float, float, float, float]
) -> None:
    crop = minifasnet.face_crop(ramp(), points, scale).astype(float)
    left, top, right, bottom = expected
    assert crop.shape == (80, 80, 3)
    assert np.all(crop[..., 0] == 7)  # BGR: blue first
    seen = (crop[..., 2].min(), crop[..., 1].min(), crop[..., 2].max(), crop[..., 1].max())
    assert seen == pytest.approx((left, top, right, bottom), abs=1.5)


def constant(logit_of_live: float, design_number: int) -> MiniFasNet:
    """A network whose logits are (0, logit, 0) whatever it sees."""
    network = MiniFasNet(DESIGNS[design_number]).eval().requires_grad_(False)
    network.bn.weight.zero_()
    network.bn.bias.fill_(1.0)
    network.prob.weight.zero_()
    network.prob.weight[minifasnet.LIVE_CLASS] = logit_of_live / network.prob.in_features
    return network


def test_class_one_is_live_and_the_two_networks_are_averaged() -> None:
    pair = minifasnet.PresentationModels(
        tuple((DESIGNS[k], constant(logit, k)) for k, logit in enumerate((4.0, -1.0))), ()
    )
    portrait = astronaut()
    wide = np.pad(portrait.image, ((300, 300), (300, 300), (0, 0)), mode="edge")
    landmarks = portrait.landmarks + np.array([300, 300, 0], np.float32)
    found = minifasnet.risk_source(capture_of([wide], [landmarks]), (0,), pair, POLICY)
    live = np.mean([math.exp(x) / (math.exp(x) + 2) for x in (4.0, -1.0)])
    assert found is not None
    assert found.measurements[0].value == pytest.approx(1 - live, abs=1e-5)
    assert found.p_attack < 0.70


def test_the_operating_point_falls_on_seventy() -> None:
    level = POLICY.number("vision.minifasnet.operating_point")
    # softmax of (0, x, 0) at class 1 is 1 - level for this x.
    x = math.log(2 * (1 - level) / level)
    pair = minifasnet.PresentationModels(tuple((DESIGNS[k], constant(x, k)) for k in range(2)), ())
    found = minifasnet.risk_source(still(astronaut()), (0,), pair, POLICY)
    assert found is not None
    assert found.p_attack == pytest.approx(0.70, abs=1e-4)


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.registered)
def test_a_checkpoint_that_lacks_or_adds_a_key_is_refused(design: object) -> None:
    network = MiniFasNet(next(one for one in DESIGNS if one is design))
    state = network.state_dict()
    network.load_state_dict(state, strict=True)
    lacking = {key: value for key, value in state.items() if key != "prob.weight"}
    for wrong in (lacking, {**state, "prob.bias": torch.zeros(3)}):
        with pytest.raises(RuntimeError, match=r"prob\.(weight|bias)"):
            network.load_state_dict(wrong, strict=True)
