"""How evidence grows with yaw: ``python -m layers.vision.training.turn_table --data FOLDER``.

A swap is fitted to frontal faces and breaks where the head turns. Every measure that rests on
views is taken from the views of one range of yaw at a time, and attacks are compared with real
people at the same range, and each swap with the untouched half of its own recording.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from layers.capture.load import load_video
from layers.capture.types import Capture
from layers.vision import (
    boundary_artifacts,
    networks,
    skin_tone_mismatch,
    teeth_rendering,
    texture_smoothing,
)
from layers.vision.scene import Scene, views_of
from layers.vision.training.clips import Clip, folds, read_clips
from verdict.policy import Policy, load_policy

# Absolute yaw in degrees; beyond the last, landmarks no longer say where the contour is.
BINS = ((0.0, 10.0), (10.0, 20.0), (20.0, 30.0), (30.0, 50.0))
VIEWS_PER_BIN = 6
BY_VIEWS = (boundary_artifacts, skin_tone_mismatch, teeth_rendering, texture_smoothing)


@dataclass(frozen=True, slots=True)
class Row:
    """One clip at one range of yaw: every measure that could be taken, higher = more attack."""

    clip: Clip
    bin: int
    values: Mapping[str, float]


def rows_of(
    clip: Clip, capture: Capture, asked: networks.Networks, policy: Policy
) -> Iterable[Row]:
    """Measure one clip at each range of yaw that it shows."""
    yaw = np.abs(capture.track.yaw_deg)
    for number, (low, high) in enumerate(BINS):
        rows = [k for k in capture.kept if low <= yaw[k] < high]
        wanted = np.linspace(0, len(rows) - 1, min(VIEWS_PER_BIN, len(rows))).round().astype(int)
        views = views_of(capture, [rows[k] for k in sorted(set(wanted))])
        if not views:
            continue
        scene = Scene(capture, views)
        values = {name: value for name, value in asked.features(scene).items() if value is not None}
        for module in BY_VIEWS:
            signal = module.measure(scene, policy).signal
            value = signal.measurements[0].value
            if value is not None:
                values[str(signal.code)] = value
        yield Row(clip, number, values)


def auc(real: list[float], attack: list[float]) -> float | None:
    """Share of pairs in which the attack is above; ties count half."""
    if not real or not attack:
        return None
    away = np.subtract.outer(np.array(attack), np.array(real))
    return float((away > 0).mean() + 0.5 * (away == 0).mean())


def above_own_original(rows: list[Row], name: str) -> tuple[int, int]:
    """How many altered clips lie above the untouched half of their recording."""
    own = {r.clip.pair: r.values[name] for r in rows if _paired(r, name) and not r.clip.is_attack}
    margins = [
        r.values[name] - own[r.clip.pair]
        for r in rows
        if _paired(r, name) and r.clip.is_attack and r.clip.pair in own
    ]
    return sum(margin > 0 for margin in margins), len(margins)


def _paired(row: Row, name: str) -> bool:
    return bool(row.clip.pair) and name in row.values


def print_table(rows: list[Row]) -> None:
    """Print one line per measure and range."""
    names = sorted({name for row in rows for name in row.values})
    print("| measure | yaw | real / attack | AUC | swap above its own original |")  # noqa: T201
    print("|---|---|---|---|---|")  # noqa: T201
    for name in names:
        for number, (low, high) in enumerate(BINS):
            here = [row for row in rows if row.bin == number and name in row.values]
            real = [row.values[name] for row in here if not row.clip.is_attack]
            attack = [row.values[name] for row in here if row.clip.is_attack]
            found = auc(real, attack)
            wins, pairs = above_own_original(here, name)
            ranking = "" if found is None else f"{found:.2f}"
            print(  # noqa: T201
                f"| {name} | {low:.0f}-{high:.0f} | {len(real)} / {len(attack)} | {ranking} | "
                f"{wins} of {pairs} |"
            )


def main() -> None:
    """Measure the clips of a split and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--split", default="dev")
    chosen = parser.parse_args()
    every = read_clips(chosen.data, chosen.split)
    fold_of = folds(every)
    shipped, policy = networks.load(), load_policy()
    rows: list[Row] = []
    for clip in (clip for clip in every if clip.is_video):
        held_out = shipped
        if chosen.split == "dev":  # the network that never saw the clip's person or swapper
            held_out = shipped.held_out(fold_of[clip.group])
        rows += rows_of(clip, load_video(clip.path), held_out, policy)
    print_table(rows)


if __name__ == "__main__":
    main()
