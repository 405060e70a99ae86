"""The learned vision risk: features of the whole clip to one calibrated probability.

A logistic model whose weights have fixed signs: each feature may only speak in the direction in
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
class RiskModel:
    """Parameters of the logistic model.

    Parameters
    ----------
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

    names: tuple[str, ...]
    middle: FloatArray
    spread: FloatArray
    sign: FloatArray
    weight: FloatArray
    slope: float
    offset: float
    sha256: str = ""

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

    def p_attack(self, raw: float) -> float:
        """Calibrated probability of a sum."""
        return logistic(self.slope * raw + self.offset)


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
        names = tuple(json.loads(file.metadata()["names"]))
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    return RiskModel(
        names=names,
        middle=arrays["middle"],
        spread=arrays["spread"],
        sign=arrays["sign"],
        weight=arrays["weight"],
        slope=float(arrays["calibration"][0]),
        offset=float(arrays["calibration"][1]),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )
