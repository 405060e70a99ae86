"""Every controlled attack raises its own signal, and at strength 0 it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from layers.capture.types import Capture, FloatArray, Step
from layers.vision import mesh
from layers.vision.layer import SIGNALS
from layers.vision.scene import prepare
from layers.vision.training import controlled_motion as motion
from layers.vision.training import controlled_pixels as pixels
from layers.vision.training.clips import Clip
from layers.vision.training.controlled import ATTACKS, Attack, attacked, in_blink_step
from layers.vision.training.controlled_table import Row, print_tables
from tests.layers.vision.vision_builders import astronaut, capture_of, speech, still, turned
from verdict.evidence import SignalCode
from verdict.policy import load_policy

POLICY = load_policy()
BY_NAME = {attack.name: attack for attack in ATTACKS}


@cache
def portrait() -> Capture:
    return still(astronaut())


@cache
def talking() -> Capture:
    """Two blinks and an opening mouth, with speech; the picture itself stays."""
    own = astronaut()
    width = float(mesh.face_width(own.landmarks))
    openness, frames = np.ones(50), []
    for bottom in (12, 36):
        openness[bottom - 2 : bottom + 3] = (0.7, 0.4, 0.1, 0.4, 0.7)
    for k, lids in enumerate(openness):
        moved = with_lids(own.landmarks, float(lids))
        moved[14] = moved[13]
        moved[14, 1] += 0.12 * width * abs(np.sin(0.24 * k))
        frames.append(moved)
    return capture_of([own.image] * 50, frames, audio=speech(2.0, (0.2, 1.8)))


def with_lids(landmarks: FloatArray, openness: float) -> FloatArray:
    moved = landmarks.copy()
    for eye in (mesh.EYE_LEFT, mesh.EYE_RIGHT):
        points = moved[list(eye)]
        middle = points[:, 1].mean()
        moved[list(eye), 1] = middle + openness * (points[:, 1] - middle)
    return moved


def value(capture: Capture, code: SignalCode) -> float | None:
    scene = prepare(capture)
    readings = (module.measure(scene, POLICY).signal for module in SIGNALS)
    found: float | None = next(o.measurements[0].value for o in readings if o.code == code)
    return found


# What carries each artefact, and how much of it: of lids, as much as still is a blink.
TWINS: dict[str, tuple[Callable[[], Capture], float]] = {
    "face smoothed": (portrait, 1.0),
    "patch with a seam": (portrait, 1.0),
    "teeth blurred": (portrait, 1.0),
    "face under other light": (portrait, 1.0),
    "lids half closed": (talking, 0.65),
    "lids half closed, asked": (talking, 0.65),
    "mouth held": (talking, 1.0),
    "flat photograph turned": (lambda: turned(1.0), 1.0),
    "face trembles": (talking, 1.0),
    "face changes shape once": (talking, 1.0),
}


def without_pictures(attack: Attack, capture: Capture) -> Capture:
    by_pixels = attack.on_photos
    return capture if by_pixels else capture.without_images()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_full_strength_raises_the_own_signal(attack: Attack) -> None:
    make, strength = TWINS[attack.name]
    before = attack.prepare(without_pictures(attack, make()))
    own = value(pixels.encoded(before), attack.target)
    after = value(pixels.encoded(attack.apply(before, strength)), attack.target)
    assert own is not None
    assert after is not None
    if attack.apply is motion.switched_face:
        # Two seconds are too short for a drift; a face at rest shows the change as tremble.
        assert after >= own
    else:
        assert after > own


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_strength_nought_changes_nothing(attack: Attack) -> None:
    capture = TWINS[attack.name][0]()
    assert attack.apply(capture, 0.0) is capture


def test_only_the_face_is_altered() -> None:
    capture = portrait()
    own = astronaut()
    inside = mesh.hull_mask(
        own.image.shape, own.points.mean(0) + 1.25 * (own.points - own.points.mean(0))
    )
    for name in ("face smoothed", "patch with a seam", "teeth blurred", "face under other light"):
        changed = BY_NAME[name].apply(capture, 1.0).images[0] != own.image
        assert changed.any()
        assert not changed[~inside].any()


def test_the_seam_is_as_large_as_asked() -> None:
    capture = portrait()
    moved = [pixels.seamed_face(capture, strength).images[0] for strength in (0.5, 1.0)]
    nose = tuple(np.rint(astronaut().points[mesh.NOSE_TIP]).astype(int))
    patch = np.s_[nose[1] - 4 : nose[1] + 5, nose[0] - 4 : nose[0] + 5]

    def lab(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> FloatArray:
        return np.asarray(
            cv2.cvtColor(image[patch].astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32
        )

    steps = [np.median(np.linalg.norm(lab(m) - lab(astronaut().image), axis=-1)) for m in moved]
    assert steps == pytest.approx([8.0, 16.0], abs=1.5)


def test_gains_of_light_follow_the_temperature() -> None:
    assert pixels.temperature_gain(pixels.DAYLIGHT_MIRED) == pytest.approx([1, 1, 1])
    warm, cool = (pixels.temperature_gain(pixels.DAYLIGHT_MIRED + d) for d in (60, -60))
    assert warm[0] > 1 > warm[2]
    assert cool[2] > 1 > cool[0]
    # Illuminant A, 2856 K, in linear sRGB (IEC 61966-2-1 matrix on CIE x = 0.4476, y = 0.4074).
    incandescent = pixels.temperature_gain(1e6 / 2856)
    assert incandescent[0] / incandescent[2] == pytest.approx(1.79 / 0.25, rel=0.35)


def test_lids_stay_as_far_apart_as_asked() -> None:
    after = motion.half_closed_lids(talking().without_images(), 0.5)
    opened = np.percentile(talking().track.ear, 80, axis=0)
    assert (after.track.ear / opened).min() == pytest.approx(0.5, abs=0.04)


def test_the_blink_step_holds_the_deepest_blink() -> None:
    steps = in_blink_step(talking().without_images()).track.steps
    assert steps[12] is Step.BLINK or steps[36] is Step.BLINK


def test_a_clip_gives_rows_and_tables() -> None:
    clip = Clip(
        path=Path("b.jpg"),
        name="a/b.jpg",
        label="bonafide",
        generator="",
        identity="p",
        pair="",
        group="p",
    )
    rows = list(attacked(clip, portrait(), POLICY))
    kinds = {row.kind for row in rows}
    assert kinds >= {"face smoothed", "twin of face smoothed", "flat photograph turned"}
    assert "mouth held" not in kinds
    untouched = Row("a/b.jpg", "bonafide", False, "untouched", 0.0, {}, frozenset())
    lines = list(print_tables([*rows, untouched], ATTACKS))
    assert any("face smoothed" in line for line in lines)
    assert any("0 of 1" in line or "1 of 1" in line for line in lines)
