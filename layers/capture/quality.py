"""Conditions of the room and the recording, each with a hint: never evidence of an attack."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from layers.capture.types import Audio, BoolArray, FaceTrack, MediaKind
from verdict.measurement import QualityFinding
from verdict.policy import Policy

_Number = Callable[[str], float]
# Of what was seen of a part on all frames: eyes blink and mouths close, but not most of the time.
_MOSTLY = 80.0
# Beyond this yaw the far eye is hidden by the nose.
_BOTH_EYES_DEG = 35.0


def quality_findings(
    kind: MediaKind,
    track: FaceTrack,
    audio: Audio | None,
    policy: Policy,
    size_px: tuple[int, int] | None = None,
) -> tuple[QualityFinding, ...]:
    """Return what is wrong with the recording itself.

    Parameters
    ----------
    size_px
        Width and height of the pictures that were tracked; without it nothing is said of where
        the face is in them.
    """
    findings = list(_of_sound(audio, policy)) if audio is not None else []
    if kind is not MediaKind.AUDIO:
        findings += _of_picture(track, size_px, policy)
    return tuple(findings)


def _of_picture(
    track: FaceTrack, size_px: tuple[int, int] | None, policy: Policy
) -> Iterator[QualityFinding]:
    number = policy.number
    found = track.found
    if not found.any():
        hint = "No face was seen. Sit close to the camera, in the light, with your face uncovered."
        yield QualityFinding("NO_FACE", 0.0, number("capture.face.min_share"), hint, refuses=True)
        return
    several = np.flatnonzero(track.n_faces > 1)
    share = len(several) / len(track)
    if share > number("capture.face.several_note_share"):
        limit = number("capture.face.several_refuse_share")
        hint = "More than one face was seen. Record alone, without pictures behind you."
        yield QualityFinding(
            "SEVERAL_FACES", share, limit, hint, share > limit, tuple(several.tolist())
        )
    if size_px is not None:
        yield from _of_place(track, found, size_px, number)
    seen = list(_of_light(track, found, number))
    yield from seen
    if not {"TOO_DARK", "TOO_BRIGHT", "BLURRED"} & {finding.code for finding in seen}:
        # In the dark, in the glare and out of focus nothing has contrast: that hint is enough.
        yield from _of_parts(track, found, number)


def _of_light(track: FaceTrack, found: BoolArray, number: _Number) -> Iterator[QualityFinding]:
    brightness = float(np.median(track.brightness[found]))
    sharpness = float(np.median(track.sharpness[found]))
    size_px = float(np.median(np.ptp(track.landmarks[found, :, 0], axis=1)))
    checks = (
        ("TOO_DARK", brightness, "capture.light.dark", -1, "Turn on a light or face a window."),
        ("TOO_BRIGHT", brightness, "capture.light.bright", 1, "Move out of the direct light."),
        ("BLURRED", sharpness, "capture.sharpness", -1, "Clean the lens and hold still."),
        ("FACE_TOO_SMALL", size_px, "capture.face.size_px", -1, "Come closer to the camera."),
    )
    dim = brightness < number("capture.light.dark.note")
    for code, value, name, side, hint in checks:
        if code == "BLURRED" and dim:
            continue  # in the dark everything is low in contrast: one hint is enough
        yield from _beyond(code, value, name, side, hint, number)


def _of_place(
    track: FaceTrack, found: BoolArray, size_px: tuple[int, int], number: _Number
) -> Iterator[QualityFinding]:
    """Say where the face is: partly beyond the edge, or far from the middle."""
    points = track.landmarks[found][:, :, :2]
    size = np.array(size_px, np.float32)
    cut = float(np.median(((points < 0) | (points > size)).any(axis=2).mean(axis=1)))
    hint = "Your face is partly outside the picture. Move it to the middle."
    beyond = tuple(_beyond("FACE_CUT_OFF", cut, "capture.face.cut_off", 1, hint, number))
    yield from beyond
    middle = (points.min(axis=1) + points.max(axis=1)) / 2
    off = float(np.median(np.abs(middle / size - 0.5).max(axis=1)))
    limit = number("capture.face.off_centre.note")
    if off > limit and not beyond:
        yield QualityFinding("OFF_CENTRE", off, limit, "Move your face to the middle.")


def _of_parts(track: FaceTrack, found: BoolArray, number: _Number) -> Iterator[QualityFinding]:
    """Say what covers eyes or mouth, as far as a part without any contrast shows it."""
    if track.contrast is None:
        return
    rows = found & (np.abs(np.nan_to_num(track.yaw_deg, nan=90.0)) <= _BOTH_EYES_DEG)
    if not np.isfinite(track.contrast[rows]).all(axis=1).any():
        return
    one, other, mouth = (float(v) for v in np.nanpercentile(track.contrast[rows], _MOSTLY, axis=0))
    note, refuse = number("capture.eyes.contrast.note"), number("capture.eyes.contrast.refuse")
    if min(one, other) < note:
        # An eye behind hair or a bandage is a hint; with neither eye no blink can be seen.
        hint = "Your eyes can't be seen well. Take off dark glasses and avoid reflections."
        both = max(one, other)
        yield QualityFinding("EYES_NOT_VISIBLE", min(one, other), note, hint, both < refuse)
    limit = number("capture.mouth.contrast.note")
    if mouth < limit:
        hint = "Something seems to cover your mouth. Uncover your whole face."
        yield QualityFinding("OCCLUDED", mouth, limit, hint)


def _beyond(
    code: str, value: float, name: str, side: int, hint: str, number: _Number
) -> Iterator[QualityFinding]:
    """Yield a finding when `value` is beyond the limit of `name` on that side."""
    note, refuse = number(f"{name}.note"), number(f"{name}.refuse")
    if side * (value - note) > 0:
        yield QualityFinding(code, value, note, hint, refuses=side * (value - refuse) > 0)


def _of_sound(audio: Audio, policy: Policy) -> Iterator[QualityFinding]:
    number = policy.number
    shortest_s = number("capture.audio.shortest_s")
    if audio.duration_s < shortest_s:
        hint = "The sound is too short. Keep recording until you have said all the words."
        yield QualityFinding("AUDIO_TOO_SHORT", audio.duration_s, shortest_s, hint)
