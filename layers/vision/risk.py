"""The learned vision risk: features of the whole clip to one calibrated probability per family.

A swapped face and a photograph that was made to move betray themselves by different things, and a
sum over both dilutes either. Each family of attacks therefore has a logistic model of its own, and
the risk is the largest. Weights have fixed signs: each feature may only speak in the direction in
which its artefact does, so that no accident of the training clips turns a defect into innocence.
What could not be measured takes the bona fide median and says nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import safe_open

from layers.capture.types import FloatArray
from layers.vision.reading import Features, logistic

WEIGHTS = Path(__file__).parent / "weights" / "risk.safetensors"
NAME = "learned_risk"
# Beyond this many bona fide spreads from the bona fide median a feature says no more.
LIMIT = 4.0


@dataclass(frozen=True, slots=True)
class FamilyModel:
    """Parameters of the logistic model of one family of attacks.

    Parameters
    ----------
    name
        ``replaced`` (swapped, lip-synced) or ``animated`` (reenacted, generated).
    names
        Features in the order of the arrays.
    middle, spread
        Median and robust spread over bona fide clips.
    sign
        +1 where a feature grows with its artefact, -1 where it falls.
    weight
        Weights of the standardised features, none negative.
    slope, offset
        Calibration of the sum: ``p = logistic(slope * sum + offset)``.
    """

    name: str
    names: tuple[str, ...]
    middle: FloatArray
    spread: FloatArray
    sign: FloatArray
    weight: FloatArray
    slope: float
    offset: float

    @property
    def source(self) -> str:
        """Name of the source of risk in the evidence."""
        return f"{NAME}_{self.name}"

    def contributions(self, features: Features) -> Mapping[str, float]:
        """What each feature adds to the sum; 0 where it was not measured."""
        standard = standardise(as_vector(features, self.names), self.middle, self.spread, self.sign)
        return {
            name: float(value)
            for name, value in zip(self.names, standard * self.weight, strict=True)
        }

    def raw(self, features: Features) -> float:
        """Sum of the contributions: higher = more likely an attack."""
        return float(sum(self.contributions(features).values()))

    def log_odds(self, raw: float) -> float:
        """Calibrated log-odds of a sum, comparable between families."""
        return self.slope * raw + self.offset

    def p_attack(self, raw: float) -> float:
        """Calibrated probability of a sum."""
        return logistic(self.log_odds(raw))


@dataclass(frozen=True, slots=True)
class RiskModel:
    """One model per family of attacks."""

    families: tuple[FamilyModel, ...]
    sha256: str = ""

    def log_odds(self, features: Features) -> float:
        """The largest over the families: higher = more likely an attack."""
        return max(family.log_odds(family.raw(features)) for family in self.families)


def as_vector(features: Features, names: Sequence[str]) -> FloatArray:
    """Features in the order of `names`, NaN where not measured."""
    values = (features.get(name) for name in names)
    return np.array([np.nan if value is None else value for value in values], float)


def standardise(
    values: FloatArray, middle: FloatArray, spread: FloatArray, sign: FloatArray
) -> FloatArray:
    """Bona fide spreads from the bona fide median towards the artefact, clipped; missing = 0."""
    towards = np.nan_to_num(sign * (values - middle) / spread, nan=0.0, posinf=0.0, neginf=0.0)
    clipped: FloatArray = np.clip(towards, -LIMIT, LIMIT)
    return clipped


@cache
def load(path: Path = WEIGHTS) -> RiskModel:
    """Load the parameters that `layers.vision.training.fit` wrote."""
    with safe_open(path, framework="numpy") as file:
        names: dict[str, list[str]] = json.loads(file.metadata()["families"])
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    families = tuple(
        FamilyModel(
            name=family,
            names=tuple(features),
            **{part: arrays[f"{family}.{part}"] for part in ("middle", "spread", "sign", "weight")},
            slope=float(arrays[f"{family}.calibration"][0]),
            offset=float(arrays[f"{family}.calibration"][1]),
        )
        for family, features in names.items()
    )
    return RiskModel(families, hashlib.sha256(path.read_bytes()).hexdigest())
