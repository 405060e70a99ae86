"""What each source ranks alone: ``python -m layers.vision.training.ranking_table --data FOLDER``.

AUC of the risk, of every source of risk and of every signal and feature by itself, all attacks and
per species, and how often an altered clip lies above the untouched half of its own recording. On
dev the network that never saw the clip's person or swapper is asked.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from layers.capture.load import load_video
from layers.vision import networks, risk
from layers.vision.layer import analyse
from layers.vision.training.clips import Clip, folds, read_clips
from verdict.error_rates import auc
from verdict.evidence import VisionResult
from verdict.policy import load_policy

SEED = 1
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One clip with everything that was measured, higher = more likely an attack."""

    clip: Clip
    values: Mapping[str, float]


def values_of(result: VisionResult, signs: Mapping[str, float]) -> dict[str, float]:
    """Return risk, sources, signals and features by name; what was not measured is missing."""
    values = {"vision risk": result.p_attack}
    if result.score is not None:
        values[risk.NAME] = -result.score
    values |= {f"source {source.name}": source.p_attack for source in result.sources}
    for signal in result.signals:
        strength = signal.measurements[0].value
        if strength is not None:
            values[f"signal {signal.code}"] = strength
    for name, sign in signs.items():
        value = result.features.get(name)
        if value is not None:
            values[f"feature {name}"] = sign * value
    return values


def interval(real: list[float], attack: list[float]) -> tuple[float, float]:
    """95 % interval of the AUC, by drawing clips anew."""
    random = np.random.default_rng(SEED)
    draws = [
        auc(random.choice(real, len(real)), random.choice(attack, len(attack)))
        for _ in range(DRAWS)
    ]
    low, high = np.percentile(draws, (2.5, 97.5))
    return float(low), float(high)


def pair_wins(rows: list[Row], name: str) -> tuple[int, int]:
    """How many altered clips lie above the untouched half of their recording, and of how many."""
    known = [row for row in rows if row.clip.pair and name in row.values]
    own = {row.clip.pair: row.values[name] for row in known if not row.clip.is_attack}
    margins = [
        row.values[name] - own[row.clip.pair]
        for row in known
        if row.clip.is_attack and row.clip.pair in own
    ]
    return sum(margin > 0 for margin in margins), len(margins)


def print_table(rows: list[Row]) -> None:
    """Print one line per measure, the most telling first."""
    species = [label for label, _ in Counter(r.clip.label for r in rows).most_common()]
    species.remove("bonafide")
    print(f"| alone | real / attack | AUC | {' | '.join(species)} | above its own original |")  # noqa: T201
    print("|---" * (len(species) + 4) + "|")  # noqa: T201
    for name in sorted({name for row in rows for name in row.values}):
        real = [r.values[name] for r in rows if name in r.values and not r.clip.is_attack]
        attack = [r.values[name] for r in rows if name in r.values and r.clip.is_attack]
        if not real or not attack:
            continue
        low, high = interval(real, attack)
        cells = []
        for label in species:
            own = [r.values[name] for r in rows if name in r.values and r.clip.label == label]
            cells.append(f"{auc(real, own):.2f} ({len(own)})" if own else "")
        wins, pairs = pair_wins(rows, name)
        print(  # noqa: T201
            f"| {name} | {len(real)} / {len(attack)} | {auc(real, attack):.2f} "
            f"({low:.2f}-{high:.2f}) | {' | '.join(cells)} | {wins} of {pairs} |"
        )


def main() -> None:
    """Measure every clip of a split and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--models", type=Path, help="folder with minifasnet/*.pth")
    chosen = parser.parse_args()
    every = read_clips(chosen.data, chosen.split)
    fold_of = folds(every)
    policy, shipped, model = load_policy(), networks.load(), risk.load()
    signs = {
        name: float(sign)
        for family in model.families
        for name, sign in zip(family.names, family.sign, strict=True)
    }
    rows = []
    for clip in (clip for clip in every if clip.is_video):
        asked = shipped
        if chosen.split == "dev":
            asked = shipped.held_out(fold_of[clip.group])
        result = analyse(load_video(clip.path), policy, chosen.models, asked)
        rows.append(Row(clip, values_of(result, signs)))
    print_table(rows)


if __name__ == "__main__":
    main()
