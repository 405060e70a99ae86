"""Quality findings: how often on real recordings, and against made conditions by strength."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from layers.capture.collect import EvenSample, collect, face_track
from layers.capture.images import decode_image
from layers.capture.limits import CaptureLimits
from layers.capture.quality import quality_findings
from layers.capture.types import FaceTrack, Image, MediaKind
from layers.liveness.measurements.alterations import (
    Alteration,
    band_over_eyes,
    bar_over_eye,
    blurred,
    darker,
    glasses,
    hand_over,
    mask,
    moved,
    scaled,
)
from layers.liveness.measurements.clips import Clip
from layers.liveness.measurements.table import Table, Tally
from layers.liveness.measurements.tracks import taken
from verdict.policy import Policy

_MOST_PHOTOS = 40
_SIDE_PX = 640
# Tight portraits are cut at the hairline: conditions are made on pictures with room around.
_LEAST_SIDE_PX = 400

CONDITIONS: dict[str, Alteration] = {
    "as it is": lambda image, _: image,
    **{f"light x {gain:g}": darker(gain) for gain in (0.5, 0.3, 0.2, 0.1, 2.0, 4.0)},
    **{f"blurred, sigma {100 * s:g} % of the face": blurred(s) for s in (0.01, 0.02, 0.04)},
    **{f"moved until {100 * s:g} % are beyond the edge": moved(s) for s in (0.0, 0.2, 0.45)},
    "glasses, dark rims": glasses(0.0),
    "glasses, lenses hide 60 %": glasses(0.6),
    "sunglasses, lenses hide 90 %": glasses(0.9),
    "one eye covered": bar_over_eye,
    "both eyes covered": band_over_eyes,
    "hand over the mouth": hand_over(13),
    "hand over one cheek": hand_over(50),
    "mask": mask,
}


def as_recorded(clips: Iterable[Clip], photos: Sequence[Image], policy: Policy) -> Table:
    """Return how often real recordings are noted and refused; `by` names the findings."""
    tally = Tally()
    for clip in clips:
        if clip.bonafide:
            codes = [one.code for one in clip.capture.findings]
            tally.add("clips noted or refused", clip.person, codes)
            codes = [one.code for one in clip.capture.findings if one.refuses]
            tally.add("clips refused", clip.person, codes)
    for k, (track, size) in enumerate(_tracked(photos, CONDITIONS["as it is"], [])):
        _note(tally, "photos", k, track, size, policy)
    return tally.table("Quality findings, bona fide recordings as they are")


def made_conditions(photos: Sequence[Image], policy: Policy) -> Table:
    """Return the findings on photos under made conditions; those without a face are NO_FACE."""
    tally = Tally()
    roomy = [image for image in photos if min(image.shape[:2]) >= _LEAST_SIDE_PX][:_MOST_PHOTOS]
    known = [track for track, _ in _tracked(roomy, CONDITIONS["as it is"], [])]
    for name, how in CONDITIONS.items():
        for k, (track, size) in enumerate(_tracked(roomy, how, known)):
            _note(tally, name, k, track, size, policy)
    return tally.table("Quality findings on photos, conditions made by code")


def _note(
    tally: Tally, what: str, number: int, track: FaceTrack, size: tuple[int, int], policy: Policy
) -> None:
    found = quality_findings(MediaKind.FRAMES, track, None, policy, size)
    tally.add(f"{what}: noted or refused", str(number), [one.code for one in found])
    tally.add(f"{what}: refused", str(number), [one.code for one in found if one.refuses])


def _tracked(
    photos: Sequence[Image], how: Alteration, known: Sequence[FaceTrack]
) -> Iterator[tuple[FaceTrack, tuple[int, int]]]:
    """Yield one track of one frame per photo, altered by `how` at the landmarks of `known`."""

    def pictures() -> Iterator[tuple[float, Image]]:
        for k, photo in enumerate(photos):
            points = known[k].landmarks[0] if known else None
            there = points is not None and bool(np.isfinite(points).all())
            yield float(k), how(photo, points) if points is not None and there else photo

    times, tracked, _ = collect(pictures(), EvenSample(CaptureLimits()), dense=False)
    whole = face_track(times, tracked, (None,) * len(times))
    for k, photo in enumerate(photos):
        yield taken(whole, np.array([k])), (photo.shape[1], photo.shape[0])


def read_photos(manifest: Path, split: str) -> list[Image]:
    """Return the bona fide photos of one split, at most 640 px."""
    with manifest.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == split]
    return [
        scaled(decode_image(manifest.parent / row["path"], _SIDE_PX), _SIDE_PX)
        for row in rows
        if row["label"] == "bonafide" and not row["path"].startswith("videos/")
    ]
