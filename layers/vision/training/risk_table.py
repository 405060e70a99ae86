"""The rows that the vision risk is fitted on: clips, each once for every degradation."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from layers.capture.load import load_video
from layers.capture.types import BoolArray, FloatArray
from layers.vision import networks
from layers.vision.layer import SIGNALS, clip_features
from layers.vision.risk import as_vector
from layers.vision.scene import prepare
from layers.vision.training.clips import Clip
from layers.vision.training.degrade import DEGRADATIONS, degraded
from layers.vision.training.families import Family, every_feature
from verdict.policy import load_policy

BONA_FIDE = "bonafide"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with their features, in the order of `every_feature`."""

    clips: tuple[Clip, ...]
    values: FloatArray
    variants: tuple[str, ...]

    @property
    def untouched(self) -> BoolArray:
        """(N,) whether the row is the clip as it was recorded."""
        return np.array([name == DEGRADATIONS[0].name for name in self.variants])

    @property
    def attack(self) -> BoolArray:
        """(N,) labels."""
        return np.array([clip.is_attack for clip in self.clips])

    @property
    def groups(self) -> FloatArray:
        """(N,) people and swappers, as text."""
        return np.array([clip.group for clip in self.clips])

    @property
    def sources(self) -> FloatArray:
        """(N,) folders of the collection, as text."""
        return np.array([clip.source for clip in self.clips])

    def about(self, family: Family) -> BoolArray:
        """(N,) whether a row is bona fide or of the family's species."""
        wanted = (BONA_FIDE, *family.species)
        return np.array([clip.label in wanted for clip in self.clips])

    def of(self, family: Family) -> FloatArray:
        """(N, F) the family's features."""
        names = every_feature()
        return self.values[:, [names.index(name) for name in family.directions]]

    def shares(self) -> FloatArray:
        """Weights of the rows: both classes count alike, and within attacks every species does."""
        labels = [clip.label for clip in self.clips]
        counts = Counter(labels)
        attacks = [label for label in counts if label != BONA_FIDE]
        # The square root keeps a species of one clip from weighing as much as one of thirteen.
        total = sum(counts[label] ** 0.5 for label in attacks)
        each = {label: 0.5 * counts[label] ** 0.5 / total / counts[label] for label in attacks}
        each[BONA_FIDE] = 0.5 / counts[BONA_FIDE]
        return np.array([each[label] for label in labels])

    def part(self, rows: BoolArray) -> Table:
        """Some of the rows."""
        clips = tuple(self.clips[k] for k in np.flatnonzero(rows))
        variants = tuple(self.variants[k] for k in np.flatnonzero(rows))
        return Table(clips, self.values[rows], variants)


def measure(clips: list[Clip], fold_of: Mapping[str, int]) -> Table:
    """Features of every clip, the network's from the fold that never saw the clip's group."""
    policy = load_policy()
    shipped = networks.load()
    kept, rows = [], []
    for clip in clips:
        capture = load_video(clip.path)
        held_out = shipped.held_out(fold_of[clip.group])
        for how in DEGRADATIONS:
            scene = prepare(degraded(capture, how))
            if not scene.views:
                log.info("%s, %s: no face, left out", clip.name, how.name)
                continue
            readings = tuple(module.measure(scene, policy) for module in SIGNALS)
            rows.append(as_vector(clip_features(scene, readings, held_out), every_feature()))
            kept.append((clip, how.name))
    return Table(tuple(clip for clip, _ in kept), np.array(rows), tuple(name for _, name in kept))
