"""The figures of docs/liveness.md: ``python -m layers.liveness.measurements MANIFEST.csv SPLIT``.

Each check is measured on the recordings that contain its action, as recorded, thinned to lower
frame rates, and as six still pictures with steps taken out of them.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from PIL import Image as Pil

from layers.capture.load import load_frames, load_video
from layers.capture.types import Capture, FaceTrack, FloatArray, IntArray, Step
from layers.liveness.analyse import analyse
from layers.liveness.blink import check_blink
from layers.liveness.head_movement import check_head_movement, yaw_from_neutral
from layers.liveness.steps import sampling_of
from verdict.error_rates import Rate
from verdict.evidence import CheckName
from verdict.policy import Policy, load_policy

_RATES_FPS = (15.0, 10.0, 5.0)
_JPEG_QUALITY = 85
# Profiles are lost when a picture is looked at on its own: a turn is taken on its way there.
_TURNED_DEG = 30.0


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording with what the manifest says it contains."""

    path: Path
    bonafide: bool
    has_blink: bool
    has_both_turns: bool
    capture: Capture


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: how many of how many were rejected."""

    what: str
    rejected: Rate


def read_clips(manifest: Path, split: str) -> Iterator[Clip]:
    """Yield the videos of one split, decoded and tracked, without pixels."""
    with manifest.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["split"] != split or not row["path"].startswith("videos/"):
                continue
            path = manifest.parent / row["path"]
            yield Clip(
                path=path,
                bonafide=row["label"] == "bonafide",
                has_blink=row["has_blink"] == "1",
                has_both_turns=row["has_head_turn"] == "both",
                capture=load_video(path).without_images(),
            )


def measure(clips: Sequence[Clip], policy: Policy) -> list[Line]:
    """Return the whole table."""
    genuine = [clip for clip in clips if clip.bonafide]
    attacks = [clip for clip in clips if not clip.bonafide]
    lines = []
    for group, own in (("bona fide", genuine), ("attacks", attacks)):
        results = [(clip, analyse(clip.capture, policy)) for clip in own]
        for name in CheckName:
            failed = [not result.check(name).passed for _, result in results]
            lines.append(Line(f"{group}: {name}", _rate(failed)))
        for name, with_action in (
            (CheckName.BLINK_DETECTION, [clip.has_blink for clip in own]),
            (CheckName.HEAD_MOVEMENT, [clip.has_both_turns for clip in own]),
        ):
            for present in (True, False):
                failed = [
                    not result.check(name).passed
                    for (_, result), acted in zip(results, with_action, strict=True)
                    if acted is present
                ]
                action = "with" if present else "without"
                lines.append(Line(f"{group}: {name}, clips {action} the action", _rate(failed)))
    blinking = [clip for clip in genuine if check_blink(clip.capture, policy).passed]
    lines += _at_lower_rates(blinking, policy)
    return lines + _six_pictures(blinking, policy)


def thinned(track: FaceTrack, keep: IntArray) -> FaceTrack:
    """Return the rows `keep` of a track."""
    return FaceTrack(
        t_s=track.t_s[keep],
        steps=tuple(track.steps[row] for row in keep),
        received_s=track.received_s[keep],
        n_faces=track.n_faces[keep],
        landmarks=track.landmarks[keep],
        yaw_deg=track.yaw_deg[keep],
        pitch_deg=track.pitch_deg[keep],
        roll_deg=track.roll_deg[keep],
        ear=track.ear[keep],
        mar=track.mar[keep],
        thumbs=track.thumbs[keep],
        brightness=track.brightness[keep],
        sharpness=track.sharpness[keep],
    )


def _at_lower_rates(clips: Iterable[Clip], policy: Policy) -> list[Line]:
    """Blinks that are lost when only some frames are kept, at every phase of keeping them."""
    clips = list(clips)
    lines = []
    for fps in _RATES_FPS:
        failed = []
        for clip in clips:
            track = clip.capture.track
            stride = max(1, round(1.0 / (fps * sampling_of(track, policy).interval_s)))
            for phase in range(stride):
                rows = np.arange(phase, len(track), stride, dtype=np.int32)
                thin = replace(clip.capture, track=thinned(track, rows), images=(), kept=())
                failed.append(not check_blink(thin, policy).passed)
        lines.append(Line(f"bona fide blinks at {fps:.0f} frames/s, every phase", _rate(failed)))
    return lines


def _six_pictures(clips: Iterable[Clip], policy: Policy) -> list[Line]:
    """Six JPEG pictures of each clip, as a capture page would take them, and spoilt ones."""
    outcomes: dict[str, list[bool]] = {}
    for clip in clips:
        rows = _moments(clip.capture, policy)
        with tempfile.TemporaryDirectory() as folder:
            capture = _as_pictures(clip, rows, Path(folder))
        blink = capture.track.at_step(Step.BLINK)[0]
        _note(outcomes, "six pictures: blink", not check_blink(capture, policy).passed)
        open_eyed = thinned(capture.track, np.array([0, 5, 2, 3, 4, 5], dtype=np.int32))
        open_eyed = replace(open_eyed, t_s=capture.track.t_s, steps=capture.track.steps)
        spoilt = replace(capture, track=open_eyed, images=(), kept=())
        name = "six pictures: blink frame with open eyes (an attack)"
        _note(outcomes, name, not check_blink(spoilt, policy).passed)
        if check_head_movement(clip.capture, policy).passed and blink == 1:
            name = "six pictures: turns"
            _note(outcomes, name, not check_head_movement(capture, policy).passed)
            swapped = replace(capture.challenge, mirrored=True)
            wrong = replace(capture, challenge=swapped)
            name = "six pictures: turns the wrong way (an attack)"
            _note(outcomes, name, not check_head_movement(wrong, policy).passed)
    return [Line(name, _rate(failed)) for name, failed in outcomes.items()]


def _moments(capture: Capture, policy: Policy) -> list[tuple[Step, int]]:
    track = capture.track
    yaw, _ = yaw_from_neutral(capture, sampling_of(track, policy), policy)
    blink = check_blink(capture, policy)
    lowest = blink.frames[int(np.argmin(track.ear[list(blink.frames)].max(axis=1)))]
    ear = np.nan_to_num(track.ear.min(axis=1))
    straight = np.argsort(np.abs(np.nan_to_num(yaw, nan=90.0)) - 100 * (ear > np.median(ear)))
    return [
        (Step.NEUTRAL, int(straight[0])),
        (Step.BLINK, int(lowest)),
        (Step.TURN_LEFT, _turned(yaw, min(_TURNED_DEG, float(np.nanmax(yaw))))),
        (Step.TURN_RIGHT, _turned(yaw, max(-_TURNED_DEG, float(np.nanmin(yaw))))),
        (Step.SPEAK, int(np.nanargmax(track.mar))),
        (Step.NEUTRAL, int(straight[1])),
    ]


def _turned(yaw: FloatArray, degrees: float) -> int:
    return int(np.nanargmin(np.abs(yaw - degrees)))


def _as_pictures(clip: Clip, moments: list[tuple[Step, int]], folder: Path) -> Capture:
    wanted = {row for _, row in moments}
    with av.open(str(clip.path)) as source:
        frames = {
            k: Pil.fromarray(f.to_ndarray(format="rgb24"))
            for k, f in enumerate(source.decode(video=0))
            if k in wanted
        }
    entries = []
    for number, (step, row) in enumerate(moments):
        picture = frames[row]
        picture.save(folder / f"{number}.jpg", quality=_JPEG_QUALITY)
        entries.append({"file": f"{number}.jpg", "t_s": 2.0 * number, "step": str(step)})
    prompts = [{"step": entry["step"], "t_s": 2.0 * k} for k, entry in enumerate(entries)]
    (folder / "capture.json").write_text(json.dumps({"frames": entries, "prompts": prompts}))
    return load_frames(folder).without_images()


def _note(outcomes: dict[str, list[bool]], name: str, rejected: bool) -> None:
    outcomes.setdefault(name, []).append(rejected)


def _rate(failed: Sequence[bool]) -> Rate:
    return Rate(sum(failed), len(failed))


def main(arguments: Sequence[str]) -> None:
    """Print the table of one split as Markdown."""
    manifest, split = Path(arguments[0]), arguments[1]
    lines = measure(list(read_clips(manifest, split)), load_policy())
    sys.stdout.write("| what | rejected | n | 95 % interval |\n|---|---|---|---|\n")
    for line in lines:
        rate = line.rejected
        if rate.n:
            low, high = rate.interval
            shown = f"{low:.1%} - {high:.1%}"
            sys.stdout.write(f"| {line.what} | {rate.errors} | {rate.n} | {shown} |\n")


if __name__ == "__main__":
    main(sys.argv[1:])
