"""The networks that the learned risk asks, together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layers.vision import artefact_network, blending_network, ensemble
from layers.vision.scene import Scene


@dataclass(frozen=True, slots=True)
class Networks:
    """One ensemble per architecture."""

    artefact: ensemble.Ensemble
    blending: ensemble.Ensemble

    def held_out(self, fold: int) -> Networks:
        """Those that never saw a fold of dev, for cross-validation."""
        return Networks(self.artefact.held_out(fold), self.blending.held_out(fold))

    def features(self, scene: Scene) -> dict[str, float | None]:
        """Everything that they say of a clip; None where no face was seen closely."""
        return {
            **ensemble.features(scene, self.artefact, artefact_network.PREFIX),
            **ensemble.features(scene, self.blending, blending_network.PREFIX),
        }

    @property
    def digests(self) -> Mapping[str, str]:
        """SHA-256 of the weights by name, for the evidence."""
        return {
            artefact_network.NAME: self.artefact.sha256,
            blending_network.NAME: self.blending.sha256,
        }


def load() -> Networks:
    """Load the shipped networks, once per process."""
    return Networks(artefact_network.load(), blending_network.load())
