"""Capture once, then the three layers side by side, each in a child that may die alone."""

from layers.runner.request import MediaRequest
from layers.runner.runner import Analysis, LayerRunner, RunnerSettings

__all__ = ["Analysis", "LayerRunner", "MediaRequest", "RunnerSettings"]
