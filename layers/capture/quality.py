"""Conditions of the room and the recording, each with a hint: never evidence of an attack."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from layers.capture.types import Audio, FaceTrack, MediaKind
from verdict.measurement import QualityFinding
from verdict.policy import Policy


def quality_findings(
    kind: MediaKind, track: FaceTrack, audio: Audio | None, policy: Policy
) -> tuple[QualityFinding, ...]:
    """Return what is wrong with the recording itself."""
    findings = list(_of_sound(audio, policy)) if audio is not None else []
    if kind is not MediaKind.AUDIO:
        findings += _of_picture(track, policy)
    return tuple(findings)


def _of_picture(track: FaceTrack, policy: Policy) -> Iterator[QualityFinding]:
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
    yield from _median_findings(track, found, number)


def _median_findings(
    track: FaceTrack, found: npt.NDArray[np.bool_], number: Callable[[str], float]
) -> Iterator[QualityFinding]:
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
        note, refuse = number(f"{name}.note"), number(f"{name}.refuse")
        if side * (value - note) > 0:
            yield QualityFinding(code, value, note, hint, refuses=side * (value - refuse) > 0)


def _of_sound(audio: Audio, policy: Policy) -> Iterator[QualityFinding]:
    number = policy.number
    shortest_s = number("capture.audio.shortest_s")
    if audio.duration_s < shortest_s:
        hint = "The sound is too short. Keep recording until you have said all the words."
        yield QualityFinding("AUDIO_TOO_SHORT", audio.duration_s, shortest_s, hint)
