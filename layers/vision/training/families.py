"""Families of attacks, and which features speak of each, in which direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from layers.capture.types import FloatArray


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of attack with a model of its own.

    Parameters
    ----------
    species
        Labels of the manifest that it is fitted on, beside the bona fide rows.
    directions
        +1 where a feature grows with the artefact, -1 where it falls; from what the artefact is.
    """

    name: str
    species: tuple[str, ...]
    directions: Mapping[str, int]

    @property
    def signs(self) -> FloatArray:
        """(F,) direction of each feature."""
        return np.array(list(self.directions.values()), float)


FAMILIES = (
    # A face, or a part of it, drawn into a recording of somebody.
    Family(
        "replaced",
        ("faceswap", "lipsync"),
        {
            "artefact_picture": 1,
            "artefact_step": 1,
            "blend_inside": 1,
            "teeth_deficit": 1,
        },
    ),
    # A photograph, or nothing at all, made to move: what a face does by itself is damped.
    Family(
        "animated",
        ("reenactment", "generated"),
        {
            "artefact_step": 1,
            "brow_motion": -1,
            "gaze_spread": -1,
            "lid_spread": -1,
            "blink_closure": 1,
            "mouth_stillness": 1,
        },
    ),
)


def every_feature() -> tuple[str, ...]:
    """Return the names of all features that some family reads, each once."""
    return tuple(dict.fromkeys(name for family in FAMILIES for name in family.directions))
