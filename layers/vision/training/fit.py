"""Fit the vision risk: ``python -m layers.vision.training.fit --data FOLDER --out FOLDER``.

Reads split dev only. Every clip is scored for the cross-validation by the artefact network that
never saw its group, and by weights fitted without its source and group; the calibration rests on
those scores, of the clips and of their degraded copies.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from layers.capture.types import BoolArray, FloatArray
from layers.registry import file_digest
from layers.vision.reading import P_AT_THRESHOLD
from layers.vision.risk import NAME, standardise
from layers.vision.training.clips import digest, folds, read_clips
from layers.vision.training.families import FAMILIES, Family
from layers.vision.training.logistic_fit import calibrate, fit_weights, tolerance_limit
from layers.vision.training.risk_table import Table, measure
from verdict.error_rates import auc

SEED = 20261121  # nothing here is random; the card names it for the network's sake
# Dozens of clips can't tell weights apart: they are pulled to one another.
PRIOR = 0.4
PENALTY = 1.0
# Of real people, by all families together.
REJECTED = 0.05
# Three times in four the limit holds: more would leave next to nothing that the risk still rejects.
CERTAINTY = 0.75
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A family's model and the scores that its clips get from models that never saw them."""

    family: Family
    middle: FloatArray
    spread: FloatArray
    weight: FloatArray
    slope: float
    offset: float
    held_out: FloatArray

    @property
    def log_odds(self) -> FloatArray:
        """(N,) calibrated held-out scores."""
        return self.slope * self.held_out + self.offset


def main() -> None:
    """Measure the clips, cross-validate, fit, calibrate, write parameters and card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--out", type=Path, default=Path("layers/vision/weights"))
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    every = read_clips(chosen.data, "dev")
    clips = [clip for clip in every if clip.is_video]
    table = measure(clips, folds(every))
    write(table, [fit(table, family) for family in FAMILIES], chosen.out, digest(clips))


def fit(table: Table, family: Family) -> Fitted:
    """Cross-validate, fit on everything, calibrate on the held-out scores."""
    scores = cross_validated(table, family)
    real = ~table.attack
    people = int((table.untouched & real).sum())
    rejected = REJECTED / len(FAMILIES)
    edge = tolerance_limit(scores[real], people, 1 - rejected, CERTAINTY)
    own = table.about(family)
    part = table.part(own)
    slope, offset = calibrate(scores[own], part.attack, part.shares(), edge, P_AT_THRESHOLD)
    middle, spread, weight = fit_rows(table, family, np.ones(len(real), bool))
    return Fitted(family, middle, spread, weight, slope, offset, scores)


def fit_rows(
    table: Table, family: Family, rows: BoolArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Middle, spread and weights of a family from some of the rows."""
    part = table.part(rows & table.about(family))
    values = part.of(family)
    middle, spread = scaling(values, part.attack)
    towards = standardise(values, middle, spread, family.signs)
    return middle, spread, fit_weights(towards, part.attack, part.shares(), PRIOR, PENALTY)


def scaling(values: FloatArray, attack: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Median and robust spread of the bona fide rows."""
    real = values[~attack]
    middle = np.nanmedian(real, axis=0)
    low, high = np.nanpercentile(real, [16, 84], axis=0)
    return middle, np.maximum((high - low) / 2, 1e-3)


def cross_validated(table: Table, family: Family) -> FloatArray:
    """Score of every clip by a model fitted without its source and without its group.

    Held-out people alone flatter: clips of one source share camera, crop and encode.
    """
    scores = np.zeros(len(table.clips), np.float32)
    values = table.of(family)
    for source in sorted(set(table.sources)):
        held = table.sources == source
        others = ~(held | np.isin(table.groups, table.groups[held]))
        middle, spread, weight = fit_rows(table, family, others)
        scores[held] = standardise(values[held], middle, spread, family.signs) @ weight
    return scores


def pair_wins(table: Table, scores: FloatArray) -> tuple[int, int]:
    """How often an altered clip scores above the untouched clip of the same recording."""
    own = {
        c.pair: s for c, s in zip(table.clips, scores, strict=True) if c.pair and not c.is_attack
    }
    margins = [
        s - own[c.pair]
        for c, s in zip(table.clips, scores, strict=True)
        if c.is_attack and c.pair in own
    ]
    return sum(margin > 0 for margin in margins), len(margins)


def figures_of(table: Table, raw: FloatArray) -> dict[str, float | str]:
    """What the card says of calibrated held-out scores (log-odds)."""
    scores = np.asarray(raw, np.float64)
    attack = table.attack
    edge = np.log(P_AT_THRESHOLD / (1 - P_AT_THRESHOLD))
    wins, pairs = pair_wins(table, raw)
    species = sorted({clip.label for clip in table.clips if clip.is_attack})
    by_species = {
        f"auc_{label}": round(auc(scores[~attack], scores[rows]), 3)
        for label in species
        if (rows := np.array([clip.label == label for clip in table.clips])).any()
    }
    return {
        "n_bonafide": int((~attack).sum()),
        "n_attack": int(attack.sum()),
        "auc": round(auc(scores[~attack], scores[attack]), 3),
        **by_species,
        "bonafide_rejected": int((scores[~attack] > edge).sum()),
        "attacks_caught": int((scores[attack] > edge).sum()),
        "pair_wins": f"{wins} of {pairs}",
    }


def write(table: Table, fitted: list[Fitted], out: Path, data: str) -> None:
    """Write parameters and card."""
    variants = (("untouched", table.untouched), ("with degraded", np.ones_like(table.untouched)))
    scores = {"risk": np.max([one.log_odds for one in fitted], axis=0)}
    scores |= {one.family.name: one.log_odds for one in fitted}
    figures = {
        f"{name}, {variant}": figures_of(table.part(rows), values[rows])
        for name, values in scores.items()
        for variant, rows in variants
    }
    log.info("%s", json.dumps(figures, indent=1))
    out.mkdir(parents=True, exist_ok=True)
    weights_file = out / "risk.safetensors"
    arrays = {
        f"{one.family.name}.{part}": values
        for one in fitted
        for part, values in (
            ("middle", one.middle),
            ("spread", one.spread),
            ("sign", one.family.signs),
            ("weight", one.weight),
            ("calibration", np.array([one.slope, one.offset])),
        )
    }
    names = {one.family.name: list(one.family.directions) for one in fitted}
    save_file(arrays, weights_file, metadata={"families": json.dumps(names)})
    card = {
        "name": f"vision-{NAME.replace('_', '-')}",
        "file": weights_file.name,
        "sha256": file_digest(weights_file),
        "command": "python -m layers.vision.training.fit --data ../shared/data/face "
        "--out layers/vision/weights",
        "licence": "Apache-2.0 (weights); fitted on recordings under research or unclear licences",
        "contract": "features of layers.vision; p_attack 0.70 of the largest family = at most 5 % "
        "of real people rejected, with 75 % certainty",
        "reported": "docs/vision.md",
        "seed": SEED,
        "data_sha256": data,
        "weights": {
            one.family.name: {
                name: round(float(weight), 4)
                for name, weight in zip(one.family.directions, one.weight, strict=True)
            }
            for one in fitted
        },
        "figures": figures,
        "limits": "52 clips of one collection, no prompted sessions; refit on your own recordings",
    }
    (out / "risk.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
