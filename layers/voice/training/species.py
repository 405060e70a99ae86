"""Replay and voice conversion as attack species of their own, recorded or simulated: one command.

    python -m layers.voice.training.species --data ../shared/data/voice --split test [--json]

The score is for synthetic speech. A replay of a real voice is not synthetic: that it passes is no
fault of the score, and this says how much of it passes.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from layers.voice.detector.combined import EMBEDDED, Combination, combination
from layers.voice.detector.embedded import EmbeddedDetector
from layers.voice.protocol import SpeechDetector
from layers.voice.training.augment import Wave
from layers.voice.training.confound_tables import table
from layers.voice.training.conversion import convert
from layers.voice.training.data import Row, load_waveform, read_manifest
from layers.voice.training.recording import score_wave
from layers.voice.training.replay import draw_chain, replay, through_chain
from verdict.error_rates import Rate, equal_error_rate, equal_error_rate_interval
from verdict.policy import load_policy
from verdict.rules import half_up

Rng = np.random.Generator
REAL = "bona fide"
REAL_IN_ROOMS = "bona fide in simulated rooms"
Change = Callable[[Wave, Rng], Wave]


@dataclass(frozen=True, slots=True)
class Species:
    """A kind of presentation.

    Parameters
    ----------
    simulated : bool
        True where `change` makes it from rows of the data.
    attack : bool
        False for bona fide presentations, whose rejections are errors.
    """

    name: str
    simulated: bool
    attack: bool
    rows: tuple[Row, ...]
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the detector in force says of one species.

    Parameters
    ----------
    wrong : Rate
        Attacks let through (APCER), or bona fide presentations rejected (BPCER).
    unscored : int
        Too little speech found: in no rate.
    """

    species: Species
    wrong: Rate
    unscored: int
    scores: tuple[float, ...]


def live_elsewhere(wave: Wave, rng: Rng) -> Wave:
    """The control: the same rooms and codecs around a person instead of a loudspeaker."""
    return through_chain(wave, replace(draw_chain(rng), loudspeaker=None, stolen_as=None), rng)


def is_conversion(row: Row) -> bool:
    """Tell voice conversion by the generator's name: every such name of the data has VC in it."""
    return not row.bonafide and "vc" in row.generator.lower()


def species_of(rows: Sequence[Row]) -> tuple[Species, ...]:
    """List what a split holds and what can be simulated from it."""
    real = tuple(row for row in rows if row.bonafide)
    fake = tuple(row for row in rows if not row.bonafide)
    recorded = tuple(row for row in rows if "replay" in row.generator.lower())
    converted = tuple(row for row in rows if is_conversion(row))
    return (
        Species(REAL, False, False, real),
        Species(REAL_IN_ROOMS, True, False, real, live_elsewhere),
        Species("recorded replay", False, True, recorded),
        Species("simulated_replay of bona fide", True, True, real, replay),
        Species("synthetic, all", False, True, fake),
        Species("simulated_replay of synthetic", True, True, fake, replay),
        Species("simulated_conversion of bona fide", True, True, real, convert),
        Species("voice conversion, all", False, True, converted),
        *(
            Species(f"voice conversion: {name}", False, True, rows_of(converted, name))
            for name in sorted({row.generator for row in converted})
        ),
    )


def rows_of(rows: Iterable[Row], generator: str) -> tuple[Row, ...]:
    """Rows of one generator."""
    return tuple(row for row in rows if row.generator == generator)


def presented(folder: Path, row: Row, change: Change | None) -> Wave:
    """Decode a row and change it; the row's path is the seed."""
    wave = load_waveform(folder / row.path)
    if change is None:
        return wave
    return change(wave, np.random.default_rng(zlib.crc32(row.path.encode())))


def rejected(score: float, chosen: Combination) -> bool:
    """Decide as rule 4 does: on the integer risk, above the threshold."""
    risk = half_up(100.0 * chosen.calibration.p_attack(score))
    return risk > 100.0 * chosen.calibration.operating_p


def outcome(species: Species, scores: Sequence[float | None], chosen: Combination) -> Outcome:
    """Count the wrong decisions at the shipped threshold."""
    there = tuple(score for score in scores if score is not None)
    wrong = sum(rejected(score, chosen) != species.attack for score in there)
    return Outcome(species, Rate(wrong, len(there)), len(scores) - len(there), there)


def measure(folder: Path, rows: Sequence[Row], detector: SpeechDetector) -> tuple[Outcome, ...]:
    """Score every species; a file that stands in two is scored once."""
    chosen = combination(EMBEDDED, load_policy())
    chosen.check({EMBEDDED: detector.digest})
    known: dict[tuple[str, str], float | None] = {}
    found = []
    for species in species_of(rows):
        kind = species.name if species.change is not None else ""
        for row in species.rows:
            if (kind, row.path) not in known:
                wave = presented(folder, row, species.change)
                known[kind, row.path] = score_wave(wave, detector)
        scores = [known[kind, row.path] for row in species.rows]
        found.append(outcome(species, scores, chosen))
        sys.stderr.write(f"  {species.name}: {len(scores)}\n")
    return tuple(found)


def document(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Figures of each species, its equal error rate against people as recorded and in rooms."""
    people = {
        key: -np.array(one.scores)
        for one in outcomes
        for key, name in (("eer_percent", REAL), ("eer_in_rooms_percent", REAL_IN_ROOMS))
        if one.species.name == name
    }
    described = []
    for one in outcomes:
        item: dict[str, Any] = {
            "species": one.species.name,
            "simulated": one.species.simulated,
            "rate": "APCER" if one.species.attack else "BPCER",
            "n": one.wrong.n,
            "unscored": one.unscored,
        }
        if one.wrong.n:
            item["percent"] = _percent(one.wrong.value, *one.wrong.interval)
        if one.wrong.n and one.species.attack:
            attack = -np.array(one.scores)
            for key, real in people.items():
                value = equal_error_rate(real, attack).value
                item[key] = _percent(value, *equal_error_rate_interval(real, attack))
        described.append(item)
    return described


def markdown(described: Iterable[dict[str, Any]]) -> str:
    """The figures as a table."""
    head = ["species", "", "n (unscored)", "wrong at the shipped threshold, %"]
    head += ["EER against people as recorded, %", "EER against people in such rooms, %"]
    return table(
        head,
        (
            (
                one["species"],
                "simulated" if one["simulated"] else "recorded",
                f"{one['n']} ({one['unscored']})",
                f"{one['rate']} {_interval(one['percent'])}" if one["n"] else "none in the data",
                *(_interval(one.get(key)) for key in ("eer_percent", "eer_in_rooms_percent")),
            )
            for one in described
        ),
    )


def _percent(*shares: float) -> list[float]:
    return [round(100.0 * share, 1) for share in shares]


def _interval(values: Sequence[float] | None) -> str:
    if values is None:
        return "-"
    return f"{values[0]:.1f} [{values[1]:.1f}, {values[2]:.1f}]"


def main() -> None:
    """Print the species of one split."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of manifest.csv")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--every", type=int, default=1, help="take every n-th row")
    parser.add_argument("--json", action="store_true", help="JSON instead of markdown")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = [row for row in read_manifest(args.data) if row.split == args.split][:: args.every]
    described = document(measure(args.data, rows, EmbeddedDetector()))
    sys.stdout.write(json.dumps(described, indent=2) if args.json else markdown(described))


if __name__ == "__main__":
    main()
