"""Six JPEG pictures of each clip, as the contract has them, and spoilt ones."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from layers.capture.load import load_frames
from layers.capture.types import Capture, FloatArray, Step
from layers.liveness.blink import check_blink
from layers.liveness.head_movement import check_head_movement, yaw_from_neutral
from layers.liveness.measurements.alterations import frames_of_file
from layers.liveness.measurements.clips import Clip
from layers.liveness.measurements.table import Table, Tally
from layers.liveness.measurements.tracks import taken
from layers.liveness.steps import sampling_of
from verdict.evidence import CheckResult
from verdict.policy import Policy

_JPEG_QUALITY = 85
# Profiles are lost when a picture is looked at on its own: a turn is taken on its way there.
_TURNED_DEG = 30.0


def six_pictures(clips: Iterable[Clip], policy: Policy) -> Table:
    """Return how often the actions, and their spoilt copies, are rejected in six pictures."""
    tally = Tally()
    for clip in clips:
        if not clip.bonafide or not clip.blinks:
            continue
        moments = _moments(clip.capture, policy)
        with tempfile.TemporaryDirectory() as folder:
            capture = _as_pictures(clip, moments, Path(folder))
        _note(tally, "blink", clip, check_blink(capture, policy))
        open_eyed = taken(capture.track, np.array([0, 5, 2, 3, 4, 5]))
        open_eyed = replace(open_eyed, t_s=capture.track.t_s, steps=capture.track.steps)
        spoilt = replace(capture, track=open_eyed)
        what = "attack: the blink picture is one with open eyes"
        _note(tally, what, clip, check_blink(spoilt, policy))
        if check_head_movement(clip.capture, policy).passed:
            _note(tally, "turns", clip, check_head_movement(capture, policy))
            lie = replace(capture.challenge, mirrored=True)
            wrong = check_head_movement(replace(capture, challenge=lie), policy)
            _note(
                tally, "attack: turns the wrong way, or a mirrored flag that is wrong", clip, wrong
            )
    return tally.table("Six pictures")


def _note(tally: Tally, what: str, clip: Clip, result: CheckResult) -> None:
    tally.add(what, clip.person, () if result.passed else (str(result.name),))


def _moments(capture: Capture, policy: Policy) -> list[tuple[Step, int]]:
    track = capture.track
    yaw, _ = yaw_from_neutral(capture, sampling_of(track, policy), policy)
    ear = np.nan_to_num(track.ear.max(axis=1), nan=np.inf)
    # Where both eyes are in sight: on a turned head the far eye looks closed.
    frontal = np.abs(np.nan_to_num(track.yaw_deg, nan=90.0)) <= _TURNED_DEG
    lowest = int(np.argmin(np.where(frontal, ear, np.inf)))
    opened = np.nan_to_num(track.ear.min(axis=1))
    straight = np.argsort(np.abs(np.nan_to_num(yaw, nan=90.0)) - 100 * (opened > np.median(opened)))
    return [
        (Step.NEUTRAL, int(straight[0])),
        (Step.BLINK, lowest),
        (Step.TURN_LEFT, _turned(yaw, min(_TURNED_DEG, float(np.nanmax(yaw))))),
        (Step.TURN_RIGHT, _turned(yaw, max(-_TURNED_DEG, float(np.nanmin(yaw))))),
        (Step.SPEAK, int(np.nanargmax(track.mar))),
        (Step.NEUTRAL, int(straight[1])),
    ]


def _turned(yaw: FloatArray, degrees: float) -> int:
    return int(np.nanargmin(np.abs(yaw - degrees)))


def _as_pictures(clip: Clip, moments: Sequence[tuple[Step, int]], folder: Path) -> Capture:
    frames = dict(frames_of_file(clip.path, sorted({row for _, row in moments})))
    entries = []
    for number, (step, row) in enumerate(moments):
        Pil.fromarray(frames[row]).save(folder / f"{number}.jpg", quality=_JPEG_QUALITY)
        entries.append({"file": f"{number}.jpg", "t_s": 2.0 * number, "step": str(step)})
    prompts = [{"step": entry["step"], "t_s": 2.0 * k} for k, entry in enumerate(entries)]
    (folder / "capture.json").write_text(json.dumps({"frames": entries, "prompts": prompts}))
    return load_frames(folder).without_images()
