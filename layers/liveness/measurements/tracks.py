"""Tracks cut, thinned, mirrored, turned in 3-D and put one after the other; no pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import numpy.typing as npt

from layers.capture.geometry import eye_aspect_ratio, mouth_aspect_ratio
from layers.capture.pose import head_pose
from layers.capture.types import Capture, Challenge, FaceTrack, FloatArray, Prompt, Step

Rows = npt.NDArray[np.intp]


def taken(track: FaceTrack, rows: Rows) -> FaceTrack:
    """Return the rows of a track, in the order given, with their own times."""
    own = {
        entry.name: getattr(track, entry.name)[rows]
        for entry in fields(track)
        if entry.name != "steps" and getattr(track, entry.name) is not None
    }
    return FaceTrack(**own, steps=tuple(track.steps[row] for row in rows))


def between(track: FaceTrack, start_s: float, end_s: float) -> FaceTrack:
    """Return the frames from `start_s` up to, not including, `end_s`."""
    return taken(track, np.flatnonzero((track.t_s >= start_s) & (track.t_s < end_s)))


def interval_of(track: FaceTrack) -> float:
    """Return the median time between two frames."""
    return float(np.median(np.diff(track.t_s)))


def thinned(track: FaceTrack, fps: float, phase: int = 0) -> FaceTrack:
    """Return about `fps` frames a second, beginning with frame `phase`."""
    return taken(track, np.arange(phase, len(track), stride_for(track, fps)))


def stride_for(track: FaceTrack, fps: float) -> int:
    """Return which n-th frame to keep for `fps` frames a second; 1 where there are no more."""
    return max(1, round(1.0 / (fps * interval_of(track))))


def joined(pieces: Sequence[FaceTrack]) -> FaceTrack:
    """Return the pieces one after the other, one usual interval apart."""
    start_s, moved = 0.0, []
    for piece in pieces:
        interval_s = interval_of(piece)
        moved.append(replace(piece, t_s=piece.t_s - piece.t_s[0] + start_s))
        start_s = float(moved[-1].t_s[-1]) + interval_s
    own = {
        entry.name: np.concatenate([getattr(piece, entry.name) for piece in moved])
        for entry in fields(FaceTrack)
        if entry.name != "steps" and getattr(moved[0], entry.name) is not None
    }
    return FaceTrack(**own, steps=tuple(step for piece in moved for step in piece.steps))


def mirrored(track: FaceTrack) -> FaceTrack:
    """Return the track as a mirror would show it: left and right change places, nothing else."""
    landmarks = track.landmarks.copy()
    landmarks[..., 0] *= -1
    return replace(
        track,
        landmarks=landmarks,
        yaw_deg=-track.yaw_deg,
        roll_deg=-track.roll_deg,
        ear=track.ear[:, ::-1],
        thumbs=track.thumbs[:, :, ::-1],
    )


def turned(track: FaceTrack, degrees: FloatArray) -> FaceTrack:
    """Return the head turned further by `degrees` per frame, in the mesh's own depth.

    Synthesised: the mesh guesses depth too shallow, so the pose reads less than was turned.
    """
    angle = np.radians(degrees)[:, None]
    middle = track.landmarks.mean(axis=1, keepdims=True)
    x, y, z = np.moveaxis(track.landmarks - middle, 2, 0)
    moved = np.stack(
        [x * np.cos(angle) - z * np.sin(angle), y, x * np.sin(angle) + z * np.cos(angle)], axis=2
    )
    landmarks = np.asarray(moved + middle, np.float32)
    yaw, pitch, roll = head_pose(landmarks)
    return replace(
        track,
        landmarks=landmarks,
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        ear=eye_aspect_ratio(landmarks),
        mar=mouth_aspect_ratio(landmarks),
    )


def prompted(
    capture: Capture, track: FaceTrack, prompts: Sequence[Prompt], *, is_mirrored: bool = False
) -> Capture:
    """Return a capture in which each frame belongs to the last step prompted before it."""
    asked = sorted(prompts, key=lambda prompt: prompt.t_s)

    def step_at(t_s: float) -> Step | None:
        begun = [prompt.step for prompt in asked if prompt.t_s <= t_s + 1e-6]
        return begun[-1] if begun else None

    steps = tuple(step_at(float(t_s)) for t_s in track.t_s)
    challenge = Challenge(prompts=tuple(asked), mirrored=is_mirrored)
    return replace(
        capture, track=replace(track, steps=steps), images=(), kept=(), challenge=challenge
    )
