"""Figures of docs/liveness.md: ``python -m layers.liveness.measurements MANIFEST.csv SPLIT``."""
