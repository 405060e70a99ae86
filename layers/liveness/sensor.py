"""What the pixels say of the sensor: reported, never judged.

Codecs, denoisers in drivers and phones, and scaling make and remove every one of these traits in
honest recordings too; see docs/injection.md for how far they overlap.
"""

from __future__ import annotations

from layers.capture.types import Capture
from layers.liveness.finding import Finding, informing


def sensor_of(capture: Capture) -> list[Finding]:
    """Return the sensor figures of a capture that has them."""
    figures = capture.sensor
    if figures is None:
        return []
    x, y = figures.foreign_offset
    return [
        informing("temporal_noise", figures.noise, "grey levels, in flat regions"),
        informing("unchanged_flat_share", figures.still_share),
        informing("noise_by_brightness", figures.noise_by_brightness),
        informing("block_grid", figures.grid),
        informing("foreign_block_grid", figures.foreign_grid, f"offset {x}, {y} px"),
        informing("spectrum_reach", figures.reach, "share of the Nyquist frequency"),
    ]
