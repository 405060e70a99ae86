"""Controlled attacks measured: ``python -m layers.vision.training.controlled --data FOLDER``.

Real clips and photos of one split with one artefact put in by code, by strength, against the same
frames through the same encode; then the real fakes. Prints rates with n and 95 % intervals.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from layers.capture.load import load_video
from layers.capture.types import Capture, Step
from layers.vision.blink_failure import find_blinks, relative_ear
from layers.vision.layer import SIGNALS
from layers.vision.scene import prepare
from layers.vision.training import controlled_motion as motion
from layers.vision.training import controlled_pixels as pixels
from layers.vision.training.clips import Clip, read_clips
from layers.vision.training.controlled_table import Row, print_tables
from verdict.evidence import SignalCode
from verdict.policy import Policy, load_policy

STRENGTHS = (0.25, 0.5, 1.0)
TWIN, UNTOUCHED = "twin", "untouched"
# Photos are many and alike; every n-th carries the attacks, all of them count for false alarms.
PHOTO_STRIDE = 16
# Pictures that carry the attacks: as many of the vision layer's own, and as many with open mouth.
PICTURES = 2
STEP_S = 1.0  # half the window of a BLINK step


@dataclass(frozen=True, slots=True)
class Attack:
    """One artefact and the signal that should find it.

    Parameters
    ----------
    unit
        What strength 1 is.
    on_photos
        Whether a single picture can carry it.
    prepare
        What is done to capture and twin before the artefact.
    of_track
        Whether only landmarks are altered; then no picture is looked at.
    strengths
        Those that are tried; lids closed by less than a dip of a blink are no blink at all.
    """

    name: str
    target: SignalCode
    apply: Callable[[Capture, float], Capture]
    unit: str
    on_photos: bool = False
    prepare: Callable[[Capture], Capture] = lambda capture: capture
    strengths: tuple[float, ...] = STRENGTHS
    of_track: bool = False


def in_blink_step(capture: Capture) -> Capture:
    """Put the frames around the deepest blink into a BLINK step."""
    relative = relative_ear(capture.track)
    blinks = [] if relative is None else find_blinks(relative, capture)
    if relative is None or not blinks:
        return capture
    times = capture.track.t_s
    at = times[min(blinks, key=lambda row: float(relative[row]))]
    steps = tuple(Step.BLINK if abs(t - at) <= STEP_S else None for t in times)
    return replace(capture, track=replace(capture.track, steps=steps))


LID_STRENGTHS = (0.25, 0.5, 0.65)
ATTACKS = (
    Attack("face smoothed", SignalCode.TEXTURE_SMOOTHING, pixels.smoothed_face,
           "blur of 2 % of the face width", on_photos=True),
    Attack("patch with a seam", SignalCode.BOUNDARY_ARTIFACTS, pixels.seamed_face,
           "16 Lab across a narrow edge", on_photos=True),
    Attack("teeth blurred", SignalCode.TEETH_RENDERING, pixels.blurred_teeth,
           "blur of 3 % of the face width, half white", on_photos=True),
    Attack("face under other light", SignalCode.SKIN_TONE_MISMATCH, pixels.warmed_face,
           "100 mired warmer or cooler", on_photos=True),
    Attack("lids half closed", SignalCode.BLINK_FAILURE, motion.half_closed_lids,
           "lids stay open by that share", strengths=LID_STRENGTHS, of_track=True),
    Attack("lids half closed, asked", SignalCode.BLINK_FAILURE, motion.half_closed_lids,
           "the same in a BLINK step", prepare=in_blink_step, strengths=LID_STRENGTHS,
           of_track=True),
    Attack("mouth held", SignalCode.MOUTH_ANOMALY, motion.still_mouth,
           "lips and chin as with a closed mouth",
           of_track=True),
    Attack("flat photograph turned", SignalCode.FLAT_ROTATION, motion.flat_photograph,
           "40 degrees and back", on_photos=True),
    Attack("face trembles", SignalCode.TEMPORAL_INSTABILITY, motion.wobbling_face,
           "bent anew by 2 % of the face width"),
    Attack("face changes shape once", SignalCode.TEMPORAL_INSTABILITY, motion.switched_face,
           "bent by 2 % of the face width from the middle on"),
)  # fmt: skip


def main() -> None:
    """Measure one split and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--out", type=Path, help="also write every measurement as JSON lines")
    chosen = parser.parse_args()
    rows = list(measure(read_clips(chosen.data, chosen.split), load_video, load_policy()))
    if chosen.out:
        chosen.out.write_text("".join(f"{json.dumps(row.as_json())}\n" for row in rows))
    for line in print_tables(rows, ATTACKS):
        print(line)  # noqa: T201


def measure(
    clips: Iterable[Clip], load: Callable[[Path], Capture], policy: Policy
) -> Iterator[Row]:
    """Every recording as it is, and the bona fide ones with every attack."""
    photos = 0
    for clip in clips:
        capture = load(clip.path)
        yield row_of(clip, capture, UNTOUCHED, 0.0, policy)
        if clip.is_attack:
            continue
        photos += not clip.is_video
        if clip.is_video or photos % PHOTO_STRIDE == 1:
            yield from attacked(clip, capture, policy)


def attacked(clip: Clip, capture: Capture, policy: Policy) -> Iterator[Row]:
    """One bona fide recording with every attack that it can carry, each beside its twin."""
    if capture.images:
        capture = looked_at(capture)
    for attack in ATTACKS:
        if not clip.is_video and not attack.on_photos:
            continue
        before = attack.prepare(capture.without_images() if attack.of_track else capture)
        yield row_of(clip, pixels.encoded(before), f"{TWIN} of {attack.name}", 0.0, policy)
        for strength in attack.strengths:
            after = pixels.encoded(attack.apply(before, strength))
            yield row_of(clip, after, attack.name, strength, policy)


def looked_at(capture: Capture) -> Capture:
    """Leave a few of the pictures that the vision layer looks at; the track stays whole."""
    scene = prepare(capture)
    step = max(1, len(scene.views) // PICTURES)
    views = (*scene.views[step // 2 :: step][:PICTURES], *scene.smiles[:PICTURES])
    rows = sorted({view.index for view in views})
    kept = [(row, image) for row in rows if (image := capture.image_at(row)) is not None]
    return replace(
        capture, images=tuple(image for _, image in kept), kept=tuple(row for row, _ in kept)
    )


def row_of(clip: Clip, capture: Capture, kind: str, strength: float, policy: Policy) -> Row:
    """What every signal says of one capture."""
    scene = prepare(capture)
    signals = [module.measure(scene, policy).signal for module in SIGNALS]
    return Row(
        name=clip.name,
        label=clip.label,
        is_video=clip.is_video,
        kind=kind,
        strength=strength,
        values={s.code: s.measurements[0].value for s in signals if s.p_attack is not None},
        fired=frozenset(s.code for s in signals if s.fired),
    )


if __name__ == "__main__":
    main()
