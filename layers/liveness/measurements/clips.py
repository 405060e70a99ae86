"""The labelled videos, decoded and tracked once, and which of them blink."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from layers.capture.load import load_video
from layers.capture.types import Capture
from layers.liveness.lids import relative_opening
from layers.liveness.steps import sampling_of
from verdict.policy import Policy

# Seen on every frame, and looked at on the dev clips by eye: below the first the lids are
# closed, above the second they never came near; between them it can't be said.
BLINK_BELOW = 0.5
NO_BLINK_ABOVE = 0.75


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording, without pixels.

    Parameters
    ----------
    lowest
        The lowest opening of the wider eye on any frame with both eyes in sight.
    """

    path: Path
    label: str
    person: str
    capture: Capture
    lowest: float

    @property
    def bonafide(self) -> bool:
        """Whether it shows a real person."""
        return self.label == "bonafide"

    @property
    def blinks(self) -> bool | None:
        """Whether its frames show a blink; None where that can't be said."""
        if self.lowest < BLINK_BELOW:
            return True
        return False if self.lowest > NO_BLINK_ABOVE else None


def read_clips(manifest: Path, split: str, policy: Policy) -> Iterator[Clip]:
    """Yield the videos of one split, decoded and tracked."""
    with manifest.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["split"] != split or not row["path"].startswith("videos/"):
                continue
            path = manifest.parent / row["path"]
            capture = load_video(path).without_images()
            yield clip_of(path, row["label"], row["identity"], capture, policy)


def clip_of(path: Path, label: str, person: str, capture: Capture, policy: Policy) -> Clip:
    """Return a clip with what its lids do."""
    opening, _ = relative_opening(capture, sampling_of(capture.track, policy), policy)
    lowest = float(np.nanmin(opening)) if np.isfinite(opening).any() else 1.0
    return Clip(path, label, person, capture, lowest)
