"""Lip-sync measured: ``python -m layers.vision.training.lip_sync_table --data FOLDER --split dev``.

Real clips with their own sound against the same pictures with another clip's sound, with their own
sound shifted, with the mouth held, and against the forgeries that have sound.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from layers.capture.load import load_video
from layers.capture.types import Audio, Capture, FaceTrack
from layers.vision import lip_sync
from layers.vision.training.clips import VIDEO_SUFFIXES
from layers.vision.training.logistic_fit import tolerance_limit
from verdict.error_rates import auc, clopper_pearson
from verdict.policy import Policy, load_policy

IN_SYNC = "real, own sound"
SHIFTS_S = (0.2, 0.3, 0.5, 0.7, 1.0)
LESS_FPS = 15.0
CUT_S = 5.0
# As for the vision risk (docs/vision.md, "The operating point").
KEPT, CERTAINTY = 0.95, 0.75


@dataclass(frozen=True, slots=True)
class Recording:
    """A clip with sound: its row of the manifest and its capture, without pictures."""

    row: Mapping[str, str]
    capture: Capture
    audio: Audio
    dubbed: bool


@dataclass(frozen=True, slots=True)
class Trial:
    """One comparison of a mouth with a sound."""

    kind: str
    identity: str
    sync: lip_sync.LipSync
    fired: bool


def main() -> None:
    """Decode the clips of one split that have sound, try, print one table for each condition."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--clips", action="store_true", help="print every clip, too")
    chosen = parser.parse_args()
    policy = load_policy()
    recordings = read_recordings(chosen.data, chosen.split)
    conditions = {
        "as recorded": recordings,
        f"{LESS_FPS:g} frames a second": [with_rate(one, LESS_FPS) for one in recordings],
        f"{CUT_S:g} s from the first speech": [cut(one, CUT_S) for one in recordings],
    }
    for name, some in conditions.items():
        tried = list(trials(some, policy))
        print(f"\n{name}")  # noqa: T201
        for line in (*table(tried), limit(tried)):
            print(line)  # noqa: T201
        if chosen.clips:
            print_clips(some, policy)


def read_recordings(folder: Path, split: str) -> list[Recording]:
    """Clips of one split whose sound holds speech.

    A real clip that shares its recording with a lip-sync forgery has the forgery's sound: `dubbed`.
    """
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == split]
    dubbed = {row["pair"] for row in rows if row["label"] == "lipsync"} - {""}
    found = []
    for row in rows:
        if row["has_audio"] != "1" or not row["path"].endswith(VIDEO_SUFFIXES):
            continue
        capture = load_video(folder / row["path"]).without_images()
        audio = capture.audio
        if audio is not None and audio.speech:
            real = row["label"] == "bonafide"
            found.append(Recording(row, capture, audio, real and row["pair"] in dubbed))
    return found


def trials(recordings: list[Recording], policy: Policy) -> Iterator[Trial]:
    """Every real clip in every condition, every forgery as it is."""

    def trial(kind: str, one: Recording, capture: Capture) -> Trial:
        sync = lip_sync.measure(capture, policy)
        p_attack = lip_sync.p_attack(sync, policy)
        return Trial(kind, one.row["identity"], sync, p_attack is not None and p_attack >= 0.5)

    for one in recordings:
        label = one.row["label"]
        if label != "bonafide" or one.dubbed:
            yield trial("real, dubbed" if one.dubbed else label, one, one.capture)
            continue
        yield trial(IN_SYNC, one, one.capture)
        yield trial("mouth held", one, held(one.capture))
        for shift_s in SHIFTS_S:
            for signed_s in (shift_s, -shift_s):
                yield trial(f"sound shifted by {shift_s:g} s", one, shifted(one, signed_s))
        for other in recordings:
            if other.row["identity"] != one.row["identity"]:
                swapped = replace(one.capture, audio=other.audio)
                yield trial("another clip's sound", one, swapped)


def table(tried: list[Trial]) -> Iterator[str]:
    """One line for each kind: how many were measured, AUC against real clips, how many fired."""
    names = ("n", "people", "measured", "still", "median", "AUC", "fired")
    yield _line("", *names)
    real = _measured(trial for trial in tried if trial.kind == IN_SYNC)
    for kind in dict.fromkeys(trial.kind for trial in tried):
        own = [trial for trial in tried if trial.kind == kind]
        values = _measured(own)
        compared = kind != IN_SYNC and values and real
        yield _line(
            kind,
            len(own),
            len({trial.identity for trial in own}),
            len(values),
            sum(trial.sync.still for trial in own),
            f"{np.median(values):.2f}" if values else "",
            # The correlation is higher for bona fide, a risk is its negative.
            f"{auc([-r for r in real], [-v for v in values]):.2f}" if compared else "",
            _rate(sum(trial.fired for trial in own), len(values)) if values else "",
        )


def _measured(tried: Iterable[Trial]) -> list[float]:
    return [trial.sync.correlation for trial in tried if trial.sync.correlation is not None]


def _line(kind: str, *cells: object) -> str:
    widths = (4, 7, 9, 6, 7, 5)
    numbers = "".join(f"{cell!s:>{w}}" for cell, w in zip(cells[:-1], widths, strict=True))
    return f"{kind:24}{numbers}  {cells[-1]}"


def _rate(errors: int, n: int) -> str:
    low, high = clopper_pearson(errors, n)
    return f"{errors} of {n} = {errors / n:.0%} ({low:.0%}-{high:.0%})"


def limit(tried: list[Trial]) -> str:
    """Say below which correlation a threshold must lie for 95 % of real people to be above it."""
    real = {t.identity: t.sync.correlation for t in tried if t.kind == IN_SYNC}
    values = -np.array([value for value in real.values() if value is not None])
    if len(values) < 3:
        return "too few real clips for a limit"
    edge = -tolerance_limit(values, len(values), KEPT, CERTAINTY)
    return (
        f"above {edge:.2f}: {KEPT:.0%} of real people, {CERTAINTY:.0%} sure ({len(values)} people)"
    )


def print_clips(recordings: list[Recording], policy: Policy) -> None:
    """Print what was measured on every clip with its own sound."""
    for one in recordings:
        sync = lip_sync.measure(one.capture, policy)
        name = one.row["path"].removeprefix("videos/")
        if sync.correlation is None:
            print(f"  {name:40} {sync.reason}")  # noqa: T201
            continue
        print(  # noqa: T201
            f"  {name:40} {sync.correlation:5.2f}, best {sync.lag_correlation:5.2f} at "
            f"{sync.lag_s:+.2f} s, sharper by {sync.sharpness:.2f} and than "
            f"{sync.beats_shifted:.0%}, confidence {sync.confidence:.2f}"
        )


def shifted(one: Recording, by_s: float) -> Capture:
    """Play the sound later by `by_s` seconds."""
    return replace(one.capture, audio=replace(one.audio, offset_s=one.audio.offset_s + by_s))


def held(capture: Capture) -> Capture:
    """Hold the face of the middle frame throughout."""
    track = capture.track
    middle = np.flatnonzero(track.found)[track.found.sum() // 2]
    landmarks = np.repeat(track.landmarks[middle : middle + 1], len(track), axis=0)
    return replace(capture, track=replace(track, landmarks=landmarks))


def with_rate(one: Recording, fps: float) -> Recording:
    """Drop frames until at most `fps` a second are left."""
    times = one.capture.track.t_s
    wanted = np.arange(times[0], times[-1], 1 / fps)
    rows = np.unique(np.clip(np.searchsorted(times, wanted - 1e-6), 0, len(times) - 1))
    return replace(one, capture=replace(one.capture, track=_rows(one.capture.track, rows), kept=()))


def cut(one: Recording, seconds: float) -> Recording:
    """Keep `seconds` from the first speech on; the frames stay, the sound ends."""
    audio = one.audio
    end_s = audio.speech[0][0] + seconds
    speech = tuple((a, min(b, end_s)) for a, b in audio.speech if a < end_s)
    shorter = _until(audio, end_s, speech)
    return replace(one, capture=replace(one.capture, audio=shorter), audio=shorter)


def _until(audio: Audio, end_s: float, speech: tuple[tuple[float, float], ...]) -> Audio:
    last = round(end_s / audio.energy_hop_s)
    return replace(audio, energy_db=audio.energy_db[:last], speech=speech)


def _rows(track: FaceTrack, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> FaceTrack:
    arrays = {
        name: getattr(track, name)[rows]
        for name in FaceTrack.__dataclass_fields__
        if name != "steps"
    }
    return FaceTrack(steps=tuple(track.steps[row] for row in rows), **arrays)


if __name__ == "__main__":
    main()
