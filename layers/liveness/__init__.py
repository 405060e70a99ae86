"""Liveness: four checks that make a binary gate."""

from layers.liveness.analyse import analyse

__all__ = ["analyse"]
