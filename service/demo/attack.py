"""The attack as an attacker's tool would send it: pictures, times, steps and a spoken phrase."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray, Step
from service.demo.portrait import Pose, load_portrait, pose_portrait
from service.demo.speech import speak_words, write_wav

_FPS = 10.0
_STEP_S = {Step.NEUTRAL: 0.8, Step.BLINK: 1.1, Step.TURN_LEFT: 1.3, Step.TURN_RIGHT: 1.3}
_SPEAK_TAIL_S = 0.3
_BLINK_AT_S, _BLINK_HALF_S = 0.55, 0.22
_TURN_DEG = 35.0
_JITTER_S = 0.004
_SWAY_PX = 3.0
_JPEG_QUALITY = 90
_ENVELOPE_S = 0.06


@dataclass(frozen=True, slots=True)
class AttackFiles:
    """A capture on disk, as the service wants it.

    Parameters
    ----------
    description
        The ``capture.json`` that was written beside the files.
    """

    folder: Path
    frames: tuple[Path, ...]
    audio: Path
    description: str


def make_attack(phrase: str, steps: Sequence[str], folder: Path, seed: int = 0) -> AttackFiles:
    """Write the animated portrait for one challenge.

    Parameters
    ----------
    phrase, steps
        What the challenge asks for; the steps in their order.
    folder
        Made when it is not there.

    Raises
    ------
    SpeechError
        When a word of the phrase can't be said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    speech = speak_words(phrase)
    audio = folder / "audio.wav"
    write_wav(speech, audio)
    schedule = _schedule([Step(step) for step in steps], len(speech) / SAMPLE_RATE_HZ)
    portrait = load_portrait()
    frames: list[Path] = []
    entries: list[dict[str, object]] = []
    for step, start_s, duration_s in schedule:
        for within_s in np.arange(0.0, duration_s - 1e-9, 1 / _FPS):
            at_s = float(start_s + within_s + chance.uniform(0, _JITTER_S))
            pose = _pose(step, float(within_s), duration_s, at_s, speech)
            path = folder / f"{len(frames):03d}.jpg"
            _write_jpeg(pose_portrait(portrait, pose, chance), path)
            frames.append(path)
            entries.append({"file": path.name, "t_s": round(at_s, 4), "step": str(step)})
    end_s = schedule[-1][1] + schedule[-1][2]
    speak_s = next((start_s for step, start_s, _ in schedule if step is Step.SPEAK), 0.0)
    description = {
        "version": 1,
        "frames": entries,
        "prompts": [{"step": str(step), "t_s": start_s} for step, start_s, _ in schedule],
        "audio": {"file": audio.name, "start_s": speak_s},
        # The clock at t_s = 0: the capture has just ended.
        "client_time_s": round(time.time() - end_s, 3),
        "mirrored": False,
    }
    text = json.dumps(description, indent=1)
    (folder / "capture.json").write_text(text, encoding="utf-8")
    return AttackFiles(folder, tuple(frames), audio, text)


def _schedule(steps: Sequence[Step], speech_s: float) -> list[tuple[Step, float, float]]:
    """Return (step, start, duration), one after the other."""
    schedule, start_s = [], 0.0
    for step in steps:
        duration_s = _STEP_S.get(step, speech_s + _SPEAK_TAIL_S)
        schedule.append((step, round(start_s, 3), duration_s))
        start_s += duration_s
    return schedule


def _pose(step: Step, within_s: float, duration_s: float, at_s: float, speech: FloatArray) -> Pose:
    """Return what the puppet does `within_s` seconds into `step`."""
    sway = (
        _SWAY_PX * float(np.sin(2 * np.pi * 0.31 * at_s)),
        _SWAY_PX * float(np.cos(2 * np.pi * 0.23 * at_s)),
    )
    if step is Step.BLINK:
        closed = max(0.0, 1.0 - ((within_s - _BLINK_AT_S) / _BLINK_HALF_S) ** 2)
        return Pose(closed=closed, shift_px=sway)
    if step in (Step.TURN_LEFT, Step.TURN_RIGHT):
        # There and back; a person's own left is the right of an unmirrored picture.
        side = 1.0 if step is Step.TURN_LEFT else -1.0
        turn_deg = side * _TURN_DEG * float(np.sin(np.pi * within_s / duration_s))
        return Pose(turn_deg=turn_deg, shift_px=sway)
    if step is Step.SPEAK:
        return Pose(open_mouth=_loudness(speech, within_s), shift_px=sway)
    return Pose(shift_px=sway)


def _loudness(speech: FloatArray, at_s: float) -> float:
    """Return 0-1: how far the puppet opens its mouth for the sound at `at_s`."""
    half = round(_ENVELOPE_S / 2 * SAMPLE_RATE_HZ)
    centre = round(at_s * SAMPLE_RATE_HZ)
    near = speech[max(0, centre - half) : centre + half]
    level = float(np.sqrt(np.mean(np.square(near)))) if len(near) else 0.0
    return min(1.0, 5.0 * level)


def _write_jpeg(image: npt.NDArray[np.uint8], path: Path) -> None:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    ok, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not ok:  # only ever a broken build of OpenCV
        msg = "OpenCV can't write JPEG; install the project again"
        raise RuntimeError(msg)
    path.write_bytes(coded.tobytes())
