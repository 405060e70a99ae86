"""Face tracks in closed form: what a person does over time, without a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from layers.capture.types import (
    N_LANDMARKS,
    THUMB_SHAPE,
    Capture,
    Challenge,
    FaceTrack,
    Image,
    MediaKind,
    Prompt,
    Source,
    Step,
)

Curve = npt.NDArray[np.float64]
OPEN_EAR = 0.3


def times(seconds: float, fps: float) -> Curve:
    return np.arange(round(seconds * fps)) / fps


def ear_with_blinks(
    t_s: Curve, at_s: Sequence[float], depth: float = 0.85, half_s: float = 0.15
) -> Curve:
    """Open eyes with triangular dips by the share `depth`, `half_s` to each side."""
    ear = np.full(len(t_s), OPEN_EAR)
    for moment in at_s:
        dip = np.clip(1.0 - np.abs(t_s - moment) / half_s, 0.0, 1.0)
        ear = np.minimum(ear, OPEN_EAR * (1.0 - depth * dip))
    return ear


def yaw_with_turns(t_s: Curve, turns: Sequence[tuple[float, float]], half_s: float = 0.6) -> Curve:
    """Straight ahead, with smooth turns to (seconds, degrees) and back."""
    yaw = np.zeros(len(t_s))
    for moment, degrees in turns:
        phase = np.clip((t_s - moment) / half_s, -1.0, 1.0)
        yaw += degrees * 0.5 * (1.0 + np.cos(np.pi * phase))
    return yaw


def noisy_thumbs(n: int, seed: int = 0) -> Image:
    """A camera's pictures: a fixed scene with a wandering brightness and noise of its own."""
    chance = np.random.default_rng(seed)
    scene = chance.uniform(40, 200, THUMB_SHAPE)
    wander = np.cumsum(chance.normal(0, 2.0, (n, 6, 8)), axis=0).repeat(8, 1).repeat(8, 2)
    noise = chance.normal(0, 1.0, (n, *THUMB_SHAPE))
    return np.asarray(np.clip(scene + wander + noise, 0, 255), np.uint8)


def track(
    t_s: Curve,
    *,
    ear: Curve | None = None,
    yaw: Curve | None = None,
    found: npt.NDArray[np.bool_] | None = None,
    steps: Sequence[Step | None] | None = None,
    thumbs: Image | None = None,
    received_s: Curve | None = None,
    face_px: float = 200.0,
) -> FaceTrack:
    """A person in front of a camera; `ear` is for both eyes, or (T, 2) for each."""
    n = len(t_s)
    there = np.ones(n, dtype=np.bool_) if found is None else found
    landmarks = np.zeros((n, N_LANDMARKS, 3), np.float32)
    landmarks[:, 1::2, 0] = face_px
    landmarks[~there] = np.nan
    eyes = np.full((n, 2), OPEN_EAR) if ear is None else np.asarray(ear).reshape(n, -1)
    eyes = np.broadcast_to(eyes, (n, 2)).astype(np.float32).copy()
    angle = (np.zeros(n) if yaw is None else yaw).astype(np.float32).copy()
    # A turned head narrows the eye in the picture: the ratio rises by 1 / cos(yaw).
    eyes /= np.cos(np.radians(angle))[:, None]
    eyes[~there], angle[~there] = np.nan, np.nan
    blank = np.where(there, 0.0, np.nan).astype(np.float32)
    return FaceTrack(
        t_s=np.asarray(t_s, np.float64),
        steps=tuple(steps) if steps is not None else (None,) * n,
        received_s=np.full(n, np.nan) if received_s is None else received_s,
        n_faces=there.astype(np.int32),
        landmarks=landmarks,
        yaw_deg=angle,
        pitch_deg=blank,
        roll_deg=blank,
        ear=eyes,
        mar=blank,
        thumbs=noisy_thumbs(n) if thumbs is None else thumbs,
        brightness=np.full(n, 120.0, np.float32),
        sharpness=np.full(n, 200.0, np.float32),
    )


def capture(
    of: FaceTrack,
    *,
    prompts: Sequence[tuple[Step, float]] = (),
    mirrored: bool = False,
    clock_skew_s: float = float("nan"),
) -> Capture:
    asked = Challenge(prompts=tuple(Prompt(*one) for one in prompts), mirrored=mirrored)
    source = Source(MediaKind.FRAMES, 640, 480, clock_skew_s=clock_skew_s)
    return Capture(source, of, (), (), None, asked)


SESSION_PROMPTS = (
    (Step.NEUTRAL, 0.0),
    (Step.BLINK, 1.5),
    (Step.TURN_LEFT, 3.5),
    (Step.TURN_RIGHT, 6.0),
    (Step.SPEAK, 8.5),
)


def steps_of(t_s: Curve) -> list[Step | None]:
    """The step that SESSION_PROMPTS asks for at each time."""
    return [max((p for p in SESSION_PROMPTS if p[1] <= t), key=lambda p: p[1])[0] for t in t_s]


def session(
    fps: float = 15.0,
    *,
    blinks_at: Sequence[float] = (2.3,),
    turns: Sequence[tuple[float, float]] = ((4.6, 30.0), (7.1, -30.0)),
    mirrored: bool = False,
) -> Capture:
    """Somebody who does what SESSION_PROMPTS asks for, in 11 s."""
    t_s = times(11.0, fps)
    own = track(
        t_s,
        ear=ear_with_blinks(t_s, blinks_at, half_s=0.25),
        yaw=yaw_with_turns(t_s, turns),
        steps=steps_of(t_s),
    )
    return capture(own, prompts=SESSION_PROMPTS, mirrored=mirrored)


def six_pictures(
    ears: Sequence[float] = (0.3, 0.06, 0.3, 0.3, 0.3, 0.3),
    yaws: Sequence[float] = (0.0, 0.0, 25.0, -25.0, 0.0, 0.0),
) -> Capture:
    """The six pictures of the reference vendor, two seconds apart."""
    steps = [Step.NEUTRAL, Step.BLINK, Step.TURN_LEFT, Step.TURN_RIGHT, Step.SPEAK, Step.NEUTRAL]
    t_s = np.arange(6) * 2.0
    own = track(t_s, ear=np.array(ears), yaw=np.array(yaws), steps=steps)
    return capture(own, prompts=[(step, float(t)) for step, t in zip(steps, t_s, strict=True)])
