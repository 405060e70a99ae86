"""Groups of skin and light follow what is done to the picture, and exposure leaves skin alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from layers.capture.types import Capture, FloatArray, Image
from layers.vision import mesh
from layers.vision.scene import prepare
from layers.vision.training.clips import Clip
from layers.vision.training.groups import (
    COMPRESSIONS,
    Conditions,
    conditions,
    groups_of,
    measure,
    tables,
)
from tests.layers.vision.vision_builders import astronaut, capture_of, still
from verdict.policy import load_policy


def of(image: Image) -> Conditions:
    return conditions(prepare(still(astronaut(), image)).views)


def scaled(gain: FloatArray | float) -> Image:
    """The portrait under `gain` times the light, in linear channels."""
    linear = (astronaut().image / 255.0) ** 2.2
    return np.asarray(np.rint(255 * np.clip(linear * gain, 0, 1) ** (1 / 2.2)), np.uint8)


def test_exposure_moves_lightness_and_hardly_the_relative_skin_tone() -> None:
    own, dark = of(astronaut().image), of(scaled(0.4))
    assert own.lightness is not None
    assert dark.lightness is not None
    assert dark.lightness < own.lightness - 15
    assert own.ita_deg is not None
    assert dark.ita_deg is not None
    assert own.relative_ita_deg is not None
    assert dark.relative_ita_deg == pytest.approx(own.relative_ita_deg, abs=6)
    assert abs(dark.ita_deg - own.ita_deg) > 12


def test_darker_cheeks_are_darker_skin() -> None:
    oval = astronaut().mask(mesh.OVAL) & ~astronaut().mask(mesh.EYE_LEFT)
    oval &= ~astronaut().mask(mesh.EYE_RIGHT)
    gain = np.where(oval[..., None], 0.25, 1.0)
    own, darker = of(astronaut().image), of(scaled(gain))
    assert own.relative_ita_deg is not None
    assert darker.relative_ita_deg is not None
    assert darker.relative_ita_deg < own.relative_ita_deg - 30


def test_light_from_one_side_is_seen() -> None:
    columns = np.linspace(1.0, 0.15, astronaut().image.shape[1])[None, :, None]
    even, uneven = of(astronaut().image), of(scaled(columns))
    assert even.side_octaves is not None
    assert uneven.side_octaves is not None
    assert uneven.side_octaves > even.side_octaves + 0.5


def test_without_a_face_every_group_is_unknown() -> None:
    nowhere = np.full((478, 3), np.nan, np.float32)
    capture: Capture = capture_of([np.zeros((120, 160, 3), np.uint8)], [nowhere])
    assert set(groups_of(capture).values()) == {"unknown"}


def test_every_copy_stands_in_the_tables() -> None:
    clip = Clip(Path("b.jpg"), "a/b.jpg", "bonafide", "", "p", "", "p")
    rows = list(measure([clip], lambda _: still(astronaut()), load_policy()))
    assert len(rows) == 1 + len(COMPRESSIONS)
    lines = list(tables(rows))
    assert sum("(0 clips, 1 photos)" in line for line in lines) == 5 + len(COMPRESSIONS)
