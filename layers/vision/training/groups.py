"""Skin, light and size of a recording from its pixels: ``python -m layers.vision.training.groups``.

Groups of bona fide clips and photos by skin tone, light and compression, with the false alarms of
every signal in each. `groups_of` serves whatever else is to be counted by group.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from layers.capture.load import load_video
from layers.capture.types import BoolArray, Capture, FloatArray
from layers.vision import mesh
from layers.vision.layer import SIGNALS
from layers.vision.reading import middle
from layers.vision.scene import Scene, View, prepare
from layers.vision.training.clips import Clip, read_clips
from layers.vision.training.controlled import looked_at
from layers.vision.training.controlled_table import Row, rate, rate_of
from layers.vision.training.degrade import Degradation, degraded
from verdict.error_rates import Rate
from verdict.evidence import SignalCode
from verdict.policy import Policy, load_policy

GAMMA = 2.2
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
# The white of the eye, shaded by its lids, stands for a grey card: nearly the same in everybody.
# This luminance brings the median of dev to where it is without the card.
SCLERA = 0.19
SCLERA_PERCENTILE = 85.0
MIN_EYE_PX = 12
# Individual typology angle: lighter than 41 degrees is light, 10 to 41 intermediate and tan, below
# brown and dark. Chardon et al., Int. J. Cosmetic Science 13 (1991); Del Bino and Bernerd, 2013.
ITA_BANDS = ((10.0, "brown and dark"), (41.0, "intermediate"), (np.inf, "light"))
LIGHT_BANDS = ((45.0, "dim"), (70.0, "medium"), (np.inf, "bright"))  # Lab lightness of the face
SIDE_BANDS = ((0.5, "even"), (1.2, "from one side"), (np.inf, "hard from one side"))  # octaves
SIZE_BANDS = ((120.0, "below 120 px"), (200.0, "120-200 px"), (np.inf, "above 200 px"))
COMPRESSIONS = tuple(
    Degradation(f"face {width} px, JPEG {quality}", face_px=width, quality=quality)
    for width in (60, 90, 150)
    for quality in (30, 60, 90)
)
# Every n-th photo is compressed in all ways; clips all are.
PHOTO_STRIDE = 8
Bands = tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the pixels say of skin and light, median over the views; None where not measurable.

    Parameters
    ----------
    ita_deg
        Individual typology angle of the cheeks as they are in the picture: skin and exposure.
    relative_ita_deg
        The same with the white of the eyes brought to one grey: exposure cancels as far as the
        eyes are lit as the cheeks are.
    lightness
        Lab lightness of the skin: exposure and skin.
    side_octaves
        Luminance of one cheek over the other, size of the logarithm.
    face_px
        Width of the face in the recording.
    """

    ita_deg: float | None
    relative_ita_deg: float | None
    lightness: float | None
    side_octaves: float | None
    face_px: float | None


def conditions(views: Sequence[View]) -> Conditions:
    """Measure skin and light of one capture."""
    return Conditions(
        ita_deg=middle(_ita(_cheeks(view)) for view in views),
        relative_ita_deg=middle(_relative_ita(view) for view in views),
        lightness=middle(_lightness(view) for view in views),
        side_octaves=middle(_side(view) for view in views),
        face_px=middle(view.width / view.scale for view in views),
    )


def groups_of(capture: Capture) -> Mapping[str, str]:
    """Name of the group of one capture for every way of grouping; unknown where not measurable."""
    return groups_of_views(prepare(capture).views)


def groups_of_views(views: Sequence[View]) -> Mapping[str, str]:
    """The same from views that have been prepared already."""
    own = conditions(views)
    return {
        "skin tone": _band(own.relative_ita_deg, ITA_BANDS),
        "skin tone as exposed": _band(own.ita_deg, ITA_BANDS),
        "light on the face": _band(own.lightness, LIGHT_BANDS),
        "direction of light": _band(own.side_octaves, SIDE_BANDS),
        "width of the face": _band(own.face_px, SIZE_BANDS),
    }


def _band(value: float | None, bands: Bands) -> str:
    return "unknown" if value is None else next(name for edge, name in bands if value < edge)


def _cheeks(view: View) -> FloatArray | None:
    return _linear(view, _side_mask(view, mesh.CHEEK_LEFT) | _side_mask(view, mesh.CHEEK_RIGHT))


def _side_mask(view: View, outline: mesh.Points) -> BoolArray:
    hull = mesh.hull_mask(view.lab.shape, view.points[list(outline)])
    return hull & view.regions.skin


def _linear(view: View, mask: BoolArray) -> FloatArray | None:
    if mask.sum() < MIN_EYE_PX:
        return None
    result: FloatArray = (np.median(view.rgb[mask], axis=0) / 255.0) ** GAMMA
    return result


def _ita(linear: FloatArray | None) -> float | None:
    if linear is None:
        return None
    encoded = np.clip(linear, 0, 1) ** (1 / GAMMA)
    light, _, b = cv2.cvtColor(encoded.astype(np.float32).reshape(1, 1, 3), cv2.COLOR_RGB2LAB)[0, 0]
    return float(np.degrees(np.arctan2(light - 50.0, max(float(b), 0.1))))


def _relative_ita(view: View) -> float | None:
    cheeks, white = _cheeks(view), _white_of_the_eyes(view)
    return None if cheeks is None or white is None else _ita(cheeks * (SCLERA / white))


def _white_of_the_eyes(view: View) -> float | None:
    mask = np.zeros(view.lab.shape[:2], bool)
    for outline in (mesh.EYE_LEFT, mesh.EYE_RIGHT):
        mask |= mesh.hull_mask(view.lab.shape, view.points[list(outline)])
    if mask.sum() < MIN_EYE_PX:
        return None
    light = ((view.rgb[mask] / 255.0) ** GAMMA) @ LUMINANCE
    return max(float(np.percentile(light, SCLERA_PERCENTILE)), 1e-3)


def _lightness(view: View) -> float | None:
    skin = view.regions.skin
    return float(np.median(view.lab[..., 0][skin])) if skin.sum() >= MIN_EYE_PX else None


def _side(view: View) -> float | None:
    sides = [_linear(view, _side_mask(view, o)) for o in (mesh.CHEEK_LEFT, mesh.CHEEK_RIGHT)]
    if sides[0] is None or sides[1] is None:
        return None
    left, right = (float(side @ LUMINANCE) + 0.004 for side in sides if side is not None)
    return abs(float(np.log2(left / right)))


def main() -> None:
    """Print the false alarms of every signal by group and by compression."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--split", default="dev")
    chosen = parser.parse_args()
    clips = [clip for clip in read_clips(chosen.data, chosen.split) if not clip.is_attack]
    for line in tables(list(measure(clips, load_video, load_policy()))):
        print(line)  # noqa: T201


def measure(
    clips: Iterable[Clip], load: Callable[[Path], Capture], policy: Policy
) -> Iterator[tuple[Row, Mapping[str, str]]]:
    """Every bona fide recording with its groups, and its compressed copies."""
    photos = 0
    for clip in clips:
        capture = load(clip.path)
        scene = prepare(capture)
        yield _row(clip, scene, "untouched", policy), groups_of_views(scene.views)
        photos += not clip.is_video
        if clip.is_video or photos % PHOTO_STRIDE == 1:
            few = looked_at(capture)
            for how in COMPRESSIONS:
                copy = _row(clip, prepare(degraded(few, how)), how.name, policy)
                yield copy, {"compression": how.name}


def _row(clip: Clip, scene: Scene, kind: str, policy: Policy) -> Row:
    signals = [module.measure(scene, policy).signal for module in SIGNALS]
    return Row(
        name=clip.name,
        label=clip.label,
        is_video=clip.is_video,
        kind=kind,
        strength=0.0,
        values={s.code: s.measurements[0].value for s in signals if s.p_attack is not None},
        fired=frozenset(s.code for s in signals if s.fired),
    )


def tables(rows: Sequence[tuple[Row, Mapping[str, str]]]) -> Iterator[str]:
    """False alarms by group, clips and photos together: fired of measured with 95 % interval."""
    ways = list(dict.fromkeys(way for _, groups in rows for way in groups))
    for way in ways:
        yield f"by {way}"
        names = list(dict.fromkeys(groups[way] for _, groups in rows if way in groups))
        for name in names:
            own = [row for row, groups in rows if groups.get(way) == name]
            clips = sum(row.is_video for row in own)
            any_fired = rate(Rate(sum(bool(row.fired) for row in own), len(own)))
            yield f"  {name} ({clips} clips, {len(own) - clips} photos): any signal {any_fired}"
            for code in SignalCode:
                yield f"    {code.value:22}{rate_of(own, code)}"


if __name__ == "__main__":
    main()
