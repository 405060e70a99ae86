"""The whole layer: what it returns for little, for nothing and for bad rooms; weights and cards."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from layers.capture.types import Capture, Image
from layers.registry import file_digest
from layers.vision import analyse, artefact_network, blending_network, minifasnet, risk
from layers.vision.training.families import FAMILIES
from tests.layers.vision.vision_builders import Portrait, astronaut, capture_of, still, turned
from verdict.evidence import SignalCode, VisionResult
from verdict.policy import load_policy

POLICY = load_policy()
CARDS = sorted((Path(artefact_network.WEIGHTS).parent).glob("*.json"))


def moving(portrait: Portrait, n: int) -> Capture:
    """The portrait shifted a little from frame to frame."""
    images, landmarks = [], []
    for k in range(n):
        shift = np.array([[1, 0, 3 * np.sin(k)], [0, 1, 2 * np.cos(k)]])
        size = (portrait.image.shape[1], portrait.image.shape[0])
        images.append(
            cv2.warpAffine(portrait.image, shift, size, borderMode=cv2.BORDER_REFLECT).astype(
                np.uint8
            )
        )
        moved = portrait.landmarks.copy()
        moved[:, :2] += shift[:, 2].astype(np.float32)
        landmarks.append(moved)
    return capture_of(images, landmarks)


@cache
def good() -> VisionResult:
    return judge(moving(astronaut(), 12))


def judge(capture: Capture) -> VisionResult:
    result = analyse(capture, POLICY)
    assert sorted(signal.code for signal in result.signals) == sorted(SignalCode)
    return result


def test_no_face_is_no_judgement() -> None:
    noise: Image = np.random.default_rng(1).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    nowhere = np.full((478, 3), np.nan, np.float32)
    for capture in (capture_of([noise] * 5, [nowhere] * 5), capture_of([], [nowhere])):
        result = judge(capture)
        assert result.score is None
        assert result.p_attack == 0.0
        assert result.confidence == 0.0
        assert result.fired == ()
        assert all(signal.reason for signal in result.signals)


@pytest.mark.parametrize("n", [1, 2, 6])
def test_few_frames_are_judged_with_less_confidence(n: int) -> None:
    result = judge(moving(astronaut(), n))
    assert result.score is not None
    assert 0.0 < result.confidence < good().confidence


def test_a_good_capture_is_trusted_and_bad_ones_are_not() -> None:
    portrait = astronaut()
    assert good().confidence >= 0.75
    dark = Portrait((portrait.image * 0.12).astype(np.uint8), portrait.landmarks)
    blurred = cv2.GaussianBlur(portrait.image, (0, 0), 6).astype(np.uint8)
    tiny = cv2.resize(portrait.image, None, fx=0.22, fy=0.22, interpolation=cv2.INTER_AREA)
    small = Portrait(tiny.astype(np.uint8), portrait.landmarks * np.float32(0.22))
    for bad in (dark, Portrait(blurred, portrait.landmarks), small):
        assert judge(moving(bad, 6)).confidence < 0.70


def test_landmarks_out_of_the_picture_do_no_harm() -> None:
    portrait = astronaut()
    for shift in (-150, 150, 5000):
        landmarks = portrait.landmarks + np.array([shift, shift, 0], np.float32)
        judge(capture_of([portrait.image], [landmarks]))


def test_a_flat_grey_face_does_no_harm() -> None:
    portrait = astronaut()
    grey = np.full_like(portrait.image, 128)
    result = judge(still(portrait, grey, 2))
    assert np.isfinite(result.p_attack)


def test_same_capture_same_result() -> None:
    assert judge(moving(astronaut(), 12)) == good()


def test_a_high_risk_names_its_source() -> None:
    result = good()
    names = {source.name for source in result.sources}
    assert names >= {f"{risk.NAME}_{family.name}" for family in FAMILIES}
    assert result.p_attack == max(source.p_attack for source in result.sources)
    assert result.sources[0].measurements


def test_features_only_speak_in_their_direction() -> None:
    model = risk.load()
    assert [one.name for one in model.families] == [family.name for family in FAMILIES]
    for one, family in zip(model.families, FAMILIES, strict=True):
        assert one.names == tuple(family.directions)
        assert np.all(one.weight >= 0)
        assert np.array_equal(one.sign, family.signs)
        for at, (name, sign) in enumerate(family.directions.items()):
            steps = sign * one.spread[at] * np.array([-2.0, 0.0, 2.0])
            risks = [one.p_attack(one.raw({name: float(one.middle[at] + s)})) for s in steps]
            assert risks == sorted(risks)


def test_what_is_not_measured_says_nothing() -> None:
    model = risk.load()
    for one in model.families:
        assert one.raw({}) == 0.0
        assert one.raw(dict.fromkeys(one.names)) == 0.0
        assert one.p_attack(0.0) < 0.5


def test_the_worst_family_decides() -> None:
    model = risk.load()
    for one in model.families:
        worst = {
            name: float(one.middle[at] + one.sign[at] * 4 * one.spread[at])
            for at, name in enumerate(one.names)
        }
        assert model.log_odds(worst) >= one.log_odds(one.raw(worst))
        assert model.log_odds(worst) > model.log_odds({})


@pytest.mark.parametrize("card_path", CARDS, ids=lambda path: path.stem)
def test_weights_are_those_of_their_card(card_path: Path) -> None:
    card = json.loads(card_path.read_text(encoding="utf-8"))
    assert file_digest(card_path.parent / card["file"]) == card["sha256"]
    for entry in ("name", "command", "licence", "contract", "reported", "data_sha256", "seed"):
        assert card[entry]


@pytest.mark.parametrize("network", [artefact_network, blending_network])
def test_networks_load_and_are_pure(network: ModuleType) -> None:
    ensemble = network.load()
    assert len(ensemble.networks) == 2
    assert not any(one.training for one in ensemble.networks)


def test_missing_presentation_weights_are_a_broken_installation(tmp_path: Path) -> None:
    with pytest.raises(minifasnet.PresentationModelError, match="minifasnet-v2"):
        minifasnet.load(tmp_path)


def test_a_flat_picture_that_turns_is_a_high_risk() -> None:
    result = judge(turned(0.0))
    assert SignalCode.FLAT_ROTATION in result.fired
    assert result.sources[0].name == SignalCode.FLAT_ROTATION
    assert result.p_attack > 0.70


def test_a_face_without_room_is_not_judged_for_presentation() -> None:
    portrait = astronaut()
    low, high = portrait.points.min(axis=0).astype(int), portrait.points.max(axis=0).astype(int)
    tight = np.ascontiguousarray(portrait.image[low[1] : high[1], low[0] : high[0]])
    landmarks = portrait.landmarks - np.array([*low, 0], np.float32)
    models = minifasnet.PresentationModels((), ())
    assert minifasnet.risk_source(capture_of([tight], [landmarks]), (0,), models, POLICY) is None


def test_the_presentation_crop_stays_within_the_image() -> None:
    portrait = astronaut()
    for scale in (1.0, 2.7, 4.0):
        crop = minifasnet.face_crop(portrait.image, portrait.points, scale)
        assert crop.shape == (80, 80, 3)
