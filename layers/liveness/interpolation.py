"""Frames that were computed from their neighbours: every second one is the mean of two others.

Software that doubles a frame rate blends the frames it has. A live frame lies beside the mean of
its neighbours, because motion is uneven and noise its own; a blended one lies on it.
"""

from __future__ import annotations

import numpy as np

from layers.capture.types import FaceTrack, Image, TimeArray
from layers.liveness.finding import Finding, informing, judged
from verdict.policy import Policy


def residuals(thumbs: Image) -> TimeArray:
    """Return (T - 2,) root mean square distances of inner frames from their neighbours' mean."""
    grey = thumbs.astype(np.float64)
    apart = grey[1:-1] - (grey[:-2] + grey[2:]) / 2
    distances: TimeArray = np.sqrt(np.square(apart).mean(axis=(1, 2)))
    return distances


def half_ways(thumbs: Image) -> TimeArray:
    """Return (T - 2,) half the root mean square distance of inner frames' neighbours."""
    grey = thumbs.astype(np.float64)
    distances: TimeArray = np.sqrt(np.square(grey[2:] - grey[:-2]).mean(axis=(1, 2))) / 2
    return distances


def interpolated(track: FaceTrack, policy: Policy) -> list[Finding]:
    """Return the share of frames that lie far nearer to that mean than the frames beside them.

    Only frames with enough change around them say anything: of a still picture all residuals are
    rounding. A frame that repeats the one before lies between equals and is no blend: slow cameras
    do that. Nor is one between two that are alike: codecs that save bits hold a picture for a while
    and then catch up. At most half of all frames can be blends by this measure.
    """
    if len(track) < 5:
        return []
    away = residuals(track.thumbs)
    around = np.minimum(away[:-2], away[2:])
    repeats = (track.thumbs[2:-2] == track.thumbs[1:-3]).all(axis=(1, 2))
    telling = ~repeats & (around >= policy.number("liveness.injection.blend_least_change"))
    ratio = policy.number("liveness.injection.blend_ratio")
    beside = np.minimum(around, half_ways(track.thumbs)[1:-1])
    blends = telling & (away[1:-1] < ratio * beside)
    enough = telling.sum() >= policy.number("liveness.injection.blend_count")
    if not enough:
        return [informing("interpolated_share", float("nan"), "too little motion")]
    share = float(blends.sum() / telling.sum())
    most = policy.number("liveness.injection.blend_share")
    rows = tuple(int(row) for row in np.flatnonzero(blends) + 2)
    reason = f"{share:.0%} of the frames are the mean of their neighbours"
    return [judged("interpolated_share", share, most, reason, wrong=share > most, rows=rows)]
