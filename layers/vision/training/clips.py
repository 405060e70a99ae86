"""The labelled face clips: rows, person-disjoint groups and folds.

Two clips share a group when they share a person, a recording (`pair`) or a face-swap model: no
fold ever tests on a person or a swapper that it was fitted on.
"""

from __future__ import annotations

import csv
import hashlib
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

N_FOLDS = 2
VIDEO_SUFFIXES = (".mp4", ".webm", ".mov")


@dataclass(frozen=True, slots=True)
class Clip:
    """One row of the manifest."""

    path: Path
    name: str
    label: str
    generator: str
    identity: str
    pair: str
    group: str

    @property
    def is_attack(self) -> bool:
        """Whether the row is anything but bona fide."""
        return self.label != "bonafide"

    @property
    def source(self) -> str:
        """Folder of the collection that the clip comes from: one camera or one pipeline."""
        return Path(self.name).parent.name

    @property
    def is_video(self) -> bool:
        """Whether the row is a video and not a photo."""
        return self.path.suffix.lower() in VIDEO_SUFFIXES


def read_clips(folder: Path, split: str) -> list[Clip]:
    """Rows of one split of ``manifest.csv`` in `folder`."""
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == split]
    groups = _groups(rows)
    return [
        Clip(
            path=folder / row["path"],
            name=row["path"],
            label=row["label"],
            generator=row["generator"],
            identity=row["identity"],
            pair=row["pair"],
            group=groups[row["identity"]],
        )
        for row in rows
    ]


def _groups(rows: list[dict[str, str]]) -> dict[str, str]:
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for row in rows:
        links = [row["pair"], row["generator"] if row["label"] == "faceswap" else ""]
        for link in filter(None, links):
            parent[root(link)] = root(row["identity"])
    return {row["identity"]: root(row["identity"]) for row in rows}


def folds(clips: Iterable[Clip]) -> dict[str, int]:
    """Fold of every group: face-swap groups dealt out by size, the others by their name's CRC."""
    sizes: dict[str, int] = {}
    for clip in clips:
        sizes.setdefault(clip.group, 0)
        if clip.label == "faceswap":
            sizes[clip.group] += 1
    swapped = sorted((g for g in sizes if sizes[g]), key=lambda g: (-sizes[g], g))
    dealt = {group: k % N_FOLDS for k, group in enumerate(swapped)}
    return {g: dealt.get(g, zlib.crc32(g.encode()) % N_FOLDS) for g in sizes}


def digest(clips: Iterable[Clip]) -> str:
    """SHA-256 over names, labels and contents, in order."""
    total = hashlib.sha256()
    for clip in clips:
        total.update(f"{clip.name},{clip.label}\n".encode())
        total.update(hashlib.sha256(clip.path.read_bytes()).digest())
    return total.hexdigest()
