"""From frames and landmarks to eight artefact signals, a calibrated risk and a confidence."""

from layers.vision.layer import analyse

__all__ = ["analyse"]
