"""Presentation attacks without weights: a screen or a print in front of the camera."""

from layers.vision.presentation.source import NAME, risk_source

__all__ = ["NAME", "risk_source"]
