"""Pictures of what eyes and mouth do over time: blink beside open eye, mouth beside sound."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from layers.capture.types import Capture, FloatArray
from layers.vision import mesh
from layers.vision.blink_failure import relative_ear
from layers.vision.mouth_anomaly import in_speech, mouth_opening
from layers.vision.pictures.geometry import box_around, kept_image, landmark_outline
from layers.vision.pictures.records import Curve, Picture, Role, Shot
from verdict.evidence import SignalResult

EYES = (*mesh.EYE_LEFT, *mesh.EYE_RIGHT)
EYE_MARGIN, MOUTH_MARGIN = 0.2, 0.3
STRIP_FRAMES = 5


def blink(capture: Capture, signal: SignalResult) -> Picture | None:
    """The deepest blink beside the open eyes nearest to it in time, and the opening over time."""
    relative = relative_ear(capture.track)
    if relative is None or not signal.frames:
        return None
    deepest = min(signal.frames, key=lambda row: float(np.nan_to_num(relative[row], nan=np.inf)))
    panels = []
    if capture.image_at(deepest) is not None:
        panels.append(_eyes(capture, deepest, "deepest blink", Role.LOOKED_AT))
        opened = _open_near(capture, relative, deepest)
        if opened is not None:
            panels.append(_eyes(capture, opened, "eyes open", Role.REFERENCE))
    main = signal.measurements[0] if signal.measurements else None
    curve = Curve(
        "Opening of the wider eye",
        "of open",
        capture.track.t_s,
        relative,
        None if main is None else main.threshold,
        "fires when it stays above",
        (deepest,),
    )
    sentence = (
        f"At {capture.track.t_s[deepest]:.2f} s (frame {deepest}) the wider eye is still "
        f"{100 * relative[deepest]:.0f} % as open as this person's open eye."
    )
    return Picture(signal.code, sentence, tuple(panels), curve=curve)


def mouth(capture: Capture, signal: SignalResult) -> Picture | None:
    """The mouth while there is speech, beside its widest moment, and its opening over time."""
    opening = mouth_opening(capture)
    if not np.isfinite(opening).any() or not signal.frames:
        return None
    closed = float(np.nanpercentile(opening, 10))
    rows = _during(capture, signal.frames)
    panels = [_mouth(capture, row, _when(capture, row), Role.LOOKED_AT) for row in rows]
    others = [row for row in capture.kept if _shown(capture, row)]
    if panels and others:
        widest = max(others, key=lambda row: float(opening[row]))
        name = f"widest of all, {_when(capture, widest)}"
        panels.append(_mouth(capture, widest, name, Role.REFERENCE))
    main = signal.measurements[0] if signal.measurements else None
    limit = None if main is None or main.threshold is None else -main.threshold
    curve = Curve(
        "Mouth opening",
        "widths",
        capture.track.t_s,
        (opening - closed).astype(np.float32),
        limit,
        "fires when it stays below",
        rows,
        with_sound=True,
    )
    spoken = signal.reason or "The mouth should open to the vowels of the speech"
    sentence = (
        f"{spoken[:1].upper()}{spoken[1:]}: opening of the inner lips above closed, in face "
        f"widths, at most {float(np.nanmax(opening)) - closed:.3f} in the whole recording."
    )
    return Picture(signal.code, sentence, tuple(panels), curve=curve)


def _during(capture: Capture, frames: tuple[int, ...]) -> tuple[int, ...]:
    """Return kept frames, evenly spread, of the speech that the signal's frames are a sample of."""
    times = capture.track.t_s
    first, last = min(times[list(frames)]), max(times[list(frames)])
    spoken = np.ones(len(times), bool)
    if capture.audio is not None and capture.audio.speech:
        spoken = in_speech(times, capture.audio)
    rows = [k for k in capture.kept if first <= times[k] <= last and spoken[k]]
    return _spread([k for k in rows if _shown(capture, k)], STRIP_FRAMES)


def _shown(capture: Capture, row: int) -> bool:
    return bool(capture.track.found[row]) and capture.image_at(row) is not None


def _open_near(capture: Capture, relative: FloatArray, row: int) -> int | None:
    """Return the kept frame with open eyes that is nearest in time."""
    kept = [k for k in capture.kept if _shown(capture, k) and np.isfinite(relative[k])]
    if not kept:
        return None
    # Half of the frames that look ahead count as open: no second threshold is needed.
    usual = float(np.median(relative[kept]))
    times = capture.track.t_s
    opened = [k for k in kept if relative[k] >= usual and k != row]
    return min(opened, key=lambda k: abs(float(times[k] - times[row])), default=None)


def _eyes(capture: Capture, row: int, name: str, role: Role) -> Shot:
    return _shot(capture, row, (mesh.EYE_LEFT, mesh.EYE_RIGHT), name, role, EYE_MARGIN)


def _mouth(capture: Capture, row: int, name: str, role: Role) -> Shot:
    return _shot(capture, row, (mesh.LIPS, mesh.INNER_LIPS), name, role, MOUTH_MARGIN)


def _shot(
    capture: Capture,
    row: int,
    parts: tuple[mesh.Points, ...],
    name: str,
    role: Role,
    margin: float,
) -> Shot:
    image = kept_image(capture, row)
    whole = [index for part in parts for index in part]
    points = capture.track.landmarks[row, whole, :2]
    outlines = tuple(landmark_outline(capture, row, part, role, image=image) for part in parts)
    return Shot(row, box_around(points, image, margin), f"frame {row}: {name}", outlines, role=role)


def _when(capture: Capture, row: int) -> str:
    return f"{capture.track.t_s[row]:.2f} s"


def _spread(rows: Iterable[int], n: int) -> tuple[int, ...]:
    chosen = sorted(rows)
    if len(chosen) <= n:
        return tuple(chosen)
    return tuple(chosen[round(place)] for place in np.linspace(0, len(chosen) - 1, n))
