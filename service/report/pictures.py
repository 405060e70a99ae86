"""Frames as an analyst wants to see them: small, cut to the head, with landmarks drawn."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from layers.capture.types import Capture, FloatArray, Image
from layers.vision import mesh

STRIP_WIDTH = 232
_JPEG_QUALITY = 82
_POINT = (120, 220, 255)
_LINE = (255, 205, 70)
_OUTLINES = (mesh.EYE_LEFT, mesh.EYE_RIGHT, mesh.LIPS, mesh.INNER_LIPS, mesh.OVAL)
_HEAD_MARGIN = 0.5


@dataclass(frozen=True, slots=True)
class StripFrame:
    """One frame of the strip, with what rests on it."""

    index: int
    t_s: float
    step: str
    uri: str
    marks: tuple[str, ...]


def frame_strip(
    capture: Capture, marks: Mapping[int, Sequence[str]], at_most: int
) -> list[StripFrame]:
    """Return the frames worth seeing: those that a finding rests on, and an even sample.

    Parameters
    ----------
    marks
        Track index to the names of the checks and signals that rest on it.
    """
    track = capture.track
    frames = []
    for index in _chosen(capture, marks, at_most):
        image = capture.image_at(index)
        if image is None:
            continue
        frames.append(
            StripFrame(
                index=index,
                t_s=float(track.t_s[index]),
                step=str(track.steps[index] or ""),
                uri=jpeg(_with_landmarks(image, track.landmarks[index])),
                marks=tuple(marks.get(index, ())),
            )
        )
    return frames


def _chosen(capture: Capture, marks: Mapping[int, Sequence[str]], at_most: int) -> list[int]:
    """Half of the places go to marked frames, spread over time; the rest to an even sample."""
    kept = [index for index in capture.kept if capture.image_at(index) is not None]
    marked = [index for index in kept if index in marks]
    chosen = set(_spread(marked, at_most // 2))
    others = [index for index in kept if index not in chosen]
    chosen.update(_spread(others, at_most - len(chosen)))
    return sorted(chosen, key=lambda index: float(capture.track.t_s[index]))


def _spread(values: Sequence[int], n: int) -> list[int]:
    if len(values) <= n:
        return list(values)
    places = np.linspace(0, len(values) - 1, n)
    return [values[round(place)] for place in places] if n else []


def _with_landmarks(image: Image, landmarks: FloatArray) -> Image:
    """Return the head with its points, or the whole frame where no face was found."""
    has_face = bool(np.isfinite(landmarks[0, 0]))
    left, top, right, bottom = 0, 0, image.shape[1], image.shape[0]
    if has_face:
        left, top, right, bottom = _box(landmarks[:, :2], _HEAD_MARGIN, image)
    part = np.ascontiguousarray(image[top:bottom, left:right])
    # Drawn at twice the size and reduced: thin lines stay thin.
    scale = 2 * STRIP_WIDTH / part.shape[1]
    size = (2 * STRIP_WIDTH, max(2, round(part.shape[0] * scale)))
    canvas = cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    if has_face:
        points = np.rint((landmarks[:, :2] - (left, top)) * scale).astype(np.int32)
        for x, y in points:
            cv2.circle(canvas, (int(x), int(y)), 1, _POINT, -1, cv2.LINE_AA)
        for outline in _OUTLINES:
            cv2.polylines(canvas, [points[list(outline)]], True, _LINE, 2, cv2.LINE_AA)
    half = (STRIP_WIDTH, size[1] // 2)
    return np.asarray(cv2.resize(canvas, half, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _box(points: FloatArray, margin_share: float, image: Image) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the points with a margin, at least a pixel inside."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = margin_share * float((high - low).max())
    height, width = image.shape[:2]
    left = int(np.clip(np.floor(low[0] - margin), 0, width - 1))
    top = int(np.clip(np.floor(low[1] - margin), 0, height - 1))
    right = int(np.clip(np.ceil(high[0] + margin), left + 1, width))
    bottom = int(np.clip(np.ceil(high[1] + margin), top + 1, height))
    return left, top, right, bottom


def jpeg(image: Image) -> str:
    """Return an RGB picture as the address of a JPEG."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return data_uri("image/jpeg", coded.tobytes())


def png(pixels: Image) -> str:
    """Return grey, BGR or BGRA pixels, unchanged, as the address of a PNG."""
    _, coded = cv2.imencode(".png", pixels)
    return data_uri("image/png", coded.tobytes())


def data_uri(mime: str, content: bytes) -> str:
    """Return bytes as an address that needs no network."""
    return f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"
