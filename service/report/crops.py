"""For each signal the region it looked at, beside what it was compared with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from layers.capture.types import Capture, FaceTrack, FloatArray, Step
from layers.vision import mesh
from service.report.pictures import Crop, crop_of

_EYES = (*mesh.EYE_LEFT, *mesh.EYE_RIGHT)
_FACE_AND_NECK = (mesh.CHIN, mesh.JAW_LEFT, mesh.JAW_RIGHT, *mesh.CHEEK_LEFT, *mesh.CHEEK_RIGHT)


def crops_for(code: str, frames: Sequence[int], capture: Capture) -> list[Crop]:
    """Return the pictures that let a person check one signal.

    Parameters
    ----------
    frames
        The frames that the signal rests on; the most telling ones are picked from them.
    """
    usable = [index for index in frames if capture.image_at(index) is not None]
    if not usable:
        return []
    pairs = _pairs(code, usable, list(capture.kept), capture.track)
    found = [crop_of(capture, index, region, caption) for index, region, caption in pairs]
    return [crop for crop in found if crop is not None]


def _pairs(
    code: str, usable: list[int], kept: list[int], track: FaceTrack
) -> list[tuple[int, Sequence[int], str]]:
    first = usable[0]
    ear = track.ear.mean(axis=1)
    turn = np.abs(track.yaw_deg)
    match code:
        case "BLINK_FAILURE":
            closed, opened = _extreme(-ear, usable), _extreme(ear, kept)
            return _two(closed, opened, _EYES, "least open", "most open")
        case "MOUTH_ANOMALY" | "TEETH_RENDERING":
            wide, shut = _extreme(track.mar, usable), _extreme(-track.mar, kept)
            return _two(wide, shut, mesh.LIPS, "widest", "narrowest")
        case "FLAT_ROTATION":
            turned, front = _extreme(turn, usable), _extreme(-turn, kept)
            return _two(turned, front, mesh.OVAL, "most turned", "frontal")
        case "TEMPORAL_INSTABILITY":
            return _two(usable[0], usable[-1], mesh.OVAL, "first", "last")
        case "TEXTURE_SMOOTHING" | "SKIN_TONE_MISMATCH":
            return [
                (first, mesh.CHEEK_LEFT, f"cheek, frame {first}"),
                (first, _FACE_AND_NECK, f"face against neck, frame {first}"),
            ]
    return [(first, mesh.OVAL, f"face, frame {first}")]


def _extreme(values: FloatArray, among: Sequence[int]) -> int:
    """Return the frame with the largest value; frames without a face come last."""
    return max(among, key=lambda index: np.nan_to_num(values[index], nan=-np.inf))


def _two(
    found: int, reference: int, region: Sequence[int], what: str, against: str
) -> list[tuple[int, Sequence[int], str]]:
    return [
        (found, region, f"{what}, frame {found}"),
        (reference, region, f"{against}, frame {reference}"),
    ]


def step_names(track: FaceTrack) -> list[tuple[Step, float, float]]:
    """Return each stretch of frames of one step: (step, first time, last time)."""
    order = np.argsort(track.t_s, kind="stable")
    stretches: list[tuple[Step, float, float]] = []
    before: Step | None = None
    for index in order:
        step, t_s = track.steps[index], float(track.t_s[index])
        if step is None:
            before = None
            continue
        if stretches and before is not None:  # a step lasts until the next one begins
            stretches[-1] = (stretches[-1][0], stretches[-1][1], t_s)
        if step == before:
            before = step
        else:
            stretches.append((step, t_s, t_s))
        before = step
    return stretches
