"""Honest bursts and injected ones, made from real footage: what a page's timer and a file do.

Everything here is deterministic for a seed, so that the table of docs/injection.md can be made
again.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import av
import cv2
import numpy as np

from layers.capture.types import Image, TimeArray
from layers.liveness.injection_footage import Footage, Pictures

_JPEG_QUALITY = 90  # of service/page/capture.js
# Lateness of a timer, by eight runs of the capture page's loop in headless Chromium on a busy
# machine: a tenth of a millisecond as a rule, now and then many.
_LATE_MS, _VERY_LATE_MS, _VERY_LATE_SHARE = 0.1, 6.0, 0.03
_DROPPED_SHARE = 0.02
_STALL_S = (0.3, 1.2)


def page_times(
    seconds: float, fps: float, tick_ms: float, chance: np.random.Generator
) -> TimeArray:
    """Return when a page's timer fires: late, now and then not at all, once after a stall."""
    due_ms = np.arange(1, int(seconds * fps)) * 1000.0 / fps
    late_ms = chance.exponential(_LATE_MS, len(due_ms))
    very = chance.random(len(due_ms)) < _VERY_LATE_SHARE
    late_ms += very * chance.exponential(_VERY_LATE_MS, len(due_ms))
    fired_ms = np.maximum.accumulate(due_ms + late_ms)
    kept = chance.random(len(due_ms)) >= _DROPPED_SHARE
    if chance.random() < 1 / 3:
        start_ms = chance.uniform(0.2, 0.6) * 1000 * seconds
        kept &= (fired_ms < start_ms) | (fired_ms > start_ms + 1000 * chance.uniform(*_STALL_S))
    ticked_ms = tick_ms * np.floor(fired_ms / tick_ms)
    times: TimeArray = np.unique(ticked_ms[kept]) / 1000
    return times


def burst(footage: Footage, t_s: TimeArray) -> Pictures:
    """Return the JPEG pictures that a page takes of a camera that shows `footage`."""
    rows = np.searchsorted(footage.t_s, t_s, side="right") - 1
    return [as_jpeg(footage.pictures[int(row)]) for row in np.clip(rows, 0, None)]


def as_jpeg(picture: Image) -> Image:
    """Return the picture after the page's JPEG."""
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def as_h264(pictures: Sequence[Image], fps: float, crf: int) -> Pictures:
    """Return the pictures after H.264 at constant quality `crf`."""
    height, width = (side - side % 2 for side in pictures[0].shape[:2])
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as target:
        stream: Any = target.add_stream("libx264", rate=round(fps))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
        for picture in pictures:
            cut = np.ascontiguousarray(picture[:height, :width])
            target.mux(stream.encode(av.VideoFrame.from_ndarray(cut, format="rgb24")))
        target.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as source:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for frame in source.decode(video=0)
        ]


def resampled(footage: Footage, of_fps: float, to_fps: float, *, blend: bool) -> Footage:
    """Return footage of `of_fps` shown as `to_fps`: repeated, or blended in proportion."""
    end_s = float(footage.t_s[-1])
    base_s = np.arange(0.0, end_s, 1.0 / of_fps)
    base = [
        footage.pictures[int(k)]
        for k in np.clip(np.searchsorted(footage.t_s, base_s + 1e-6, side="right") - 1, 0, None)
    ]
    positions = np.arange(0.0, len(base) - 1, of_fps / to_fps)
    pictures = []
    for position in positions:
        before, share = int(position + 1e-6), float(position + 1e-6) % 1.0
        picture = base[before]
        if blend and share > 1e-3:
            mixed = cv2.addWeighted(picture, 1.0 - share, base[before + 1], share, 0.0)
            picture = np.asarray(mixed, np.uint8)
        pictures.append(picture)
    return Footage(pictures, np.arange(len(pictures)) / to_fps)


def frozen(footage: Footage, start_s: float, seconds: float) -> Footage:
    """Return footage whose picture stands still for a while."""
    first = int(np.searchsorted(footage.t_s, start_s))
    still = (footage.t_s >= start_s) & (footage.t_s < start_s + seconds)
    pictures = [
        footage.pictures[first] if stands else picture
        for stands, picture in zip(still, footage.pictures, strict=True)
    ]
    return Footage(pictures, footage.t_s)


def looped(footage: Footage, seconds: float) -> Footage:
    """Return the first seconds of footage, twice."""
    n = int(np.searchsorted(footage.t_s, seconds))
    pictures = footage.pictures[:n] * 2
    return Footage(pictures, np.arange(len(pictures)) / footage.fps)


def each(footage: Footage, change: Callable[[Image], Image]) -> Footage:
    """Return footage with every picture changed."""
    return Footage([change(picture) for picture in footage.pictures], footage.t_s)


def without_noise(footage: Footage) -> Footage:
    """Return footage as a renderer or a denoiser leaves it: smooth, steady where still."""
    smooth = [
        np.asarray(cv2.bilateralFilter(picture, 7, 12.0, 5.0), np.float32)
        for picture in footage.pictures
    ]
    steady = smooth[0].copy()
    pictures = []
    for picture in smooth:
        moves = np.abs(picture - steady).max(axis=2, keepdims=True) > 6.0
        steady = np.where(moves, picture, steady)
        pictures.append(steady.astype(np.uint8))
    return Footage(pictures, footage.t_s)


def enlarged(picture: Image) -> Image:
    """Return the picture with half its detail: scaled down and up again."""
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
