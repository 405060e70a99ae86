"""Conditions drawn on real frames: glasses, something before the face, tilt, light, blur, place.

Synthesised, and said to be: a drawn rim reflects nothing and a drawn hand casts no shadow. The
frames are tracked again afterwards, so what the mesh makes of them is real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np

from layers.capture.collect import EvenSample, collect, face_track
from layers.capture.limits import CaptureLimits
from layers.capture.quality import quality_findings
from layers.capture.types import Capture, FaceTrack, FloatArray, Image
from verdict.policy import Policy

Alteration = Callable[[Image, FloatArray], Image]

_EYES = ((33, 133, 159, 145), (362, 263, 386, 374))
_DARK = (25, 22, 20)


def _grid(image: Image, centre: FloatArray, half: FloatArray, roll: float) -> FloatArray:
    """Return the squared elliptic distance of every pixel from `centre`, 1 on the rim."""
    y, x = np.mgrid[0 : image.shape[0], 0 : image.shape[1]].astype(np.float32)
    x, y = x - centre[0], y - centre[1]
    along = x * np.cos(roll) + y * np.sin(roll)
    across = y * np.cos(roll) - x * np.sin(roll)
    distance: FloatArray = (along / half[0]) ** 2 + (across / half[1]) ** 2
    return distance


def _face(points: FloatArray) -> tuple[float, float]:
    """Return the distance of the outer eye corners in pixels and the roll in radians."""
    across = points[263, :2] - points[33, :2]
    return float(np.linalg.norm(across)), float(np.arctan2(across[1], across[0]))


def _eye_centres(points: FloatArray) -> list[FloatArray]:
    return [points[list(eye), :2].mean(axis=0) for eye in _EYES]


def glasses(lens: float, tint: tuple[int, int, int] = _DARK) -> Alteration:
    """Return dark rims with lenses that hide the share `lens` of what is behind them."""

    def draw(image: Image, points: FloatArray) -> Image:
        width, roll = _face(points)
        out = image.astype(np.float32)
        half = np.array([0.27, 0.2], np.float32) * width
        for centre in _eye_centres(points):
            distance = _grid(image, centre, half, roll)
            out[distance < 1] = (1 - lens) * out[distance < 1] + lens * np.array(tint)
            out[(distance >= 0.85) & (distance < 1.3)] = tint
        left, right = _eye_centres(points)
        thick = max(1, round(0.03 * width))
        bridge = out.copy()
        cv2.line(bridge, _whole(left + (right - left) * 0.38), _whole(left + (right - left) * 0.62),
                 tint, thick)  # fmt: skip
        return np.asarray(bridge, np.uint8)

    return draw


def bar_over_eye(image: Image, points: FloatArray) -> Image:
    """Cover the eye on the image's left, as hair or a bandage would, in the hair's darkness."""
    width, roll = _face(points)
    out = image.copy()
    half = np.array([0.3, 0.26], np.float32) * width
    out[_grid(image, _eye_centres(points)[0], half, roll) < 1] = (60, 45, 35)
    return out


def band_over_eyes(image: Image, points: FloatArray) -> Image:
    """Cover both eyes with one band."""
    width, roll = _face(points)
    out = image.copy()
    centre = (_eye_centres(points)[0] + _eye_centres(points)[1]) / 2
    out[_grid(image, centre, np.array([0.85, 0.24], np.float32) * width, roll) < 1] = _DARK
    return out


def hand_over(index: int, size: float = 0.45) -> Alteration:
    """Return a skin-coloured patch with some noise over landmark `index`."""

    def draw(image: Image, points: FloatArray) -> Image:
        width, roll = _face(points)
        skin = np.median(_around(image, points[151, :2], 0.12 * width), axis=(0, 1))
        chance = np.random.default_rng(0)
        covered = _grid(image, points[index, :2], np.full(2, size * width, np.float32), roll) < 1
        out = image.astype(np.float32)
        out[covered] = 0.9 * skin + chance.normal(0, 5, (int(covered.sum()), 1))
        return np.asarray(np.clip(out, 0, 255), np.uint8)

    return draw


def mask(image: Image, points: FloatArray) -> Image:
    """Cover mouth and nose with a light-blue mask or scarf."""
    rim = points[[227, 137, 177, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365,
                  397, 288, 401, 366, 447, 346, 6, 117], :2]  # fmt: skip
    out = image.copy()
    cv2.fillPoly(out, [np.round(rim).astype(np.int32)], (150, 185, 205))
    return out


def tilted(degrees: float) -> Alteration:
    """Return the picture turned about the middle of the face."""

    def draw(image: Image, points: FloatArray) -> Image:
        centre = points[:, :2].mean(axis=0)
        spin = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), degrees, 1.0)
        size = (image.shape[1], image.shape[0])
        turned = cv2.warpAffine(image, spin, size, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(turned, np.uint8)

    return draw


def darker(gain: float) -> Alteration:
    """Return the picture with its light times `gain`."""
    return lambda image, _: np.asarray(np.clip(gain * image.astype(np.float32), 0, 255), np.uint8)


def blurred(share: float) -> Alteration:
    """Return the picture blurred by a Gaussian of `share` face widths."""

    def draw(image: Image, points: FloatArray) -> Image:
        sigma = share * float(np.ptp(points[:, 0]))
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)

    return draw


def moved(share: float) -> Alteration:
    """Return the picture moved right until `share` of the face lies beyond the edge."""

    def draw(image: Image, points: FloatArray) -> Image:
        width = float(np.ptp(points[:, 0]))
        shift = image.shape[1] - float(points[:, 0].max()) + share * width
        slide = np.array([[1, 0, shift], [0, 1, 0]], np.float32)
        size = (image.shape[1], image.shape[0])
        return np.asarray(cv2.warpAffine(image, slide, size, borderMode=cv2.BORDER_REPLICATE))

    return draw


DISTURBANCES: Mapping[str, Alteration] = {
    "glasses, dark rims": glasses(0.0),
    "glasses, rims and tinted lenses (30 %)": glasses(0.3),
    "sunglasses (90 %)": glasses(0.9),
    "one eye covered": bar_over_eye,
    "hand over the mouth": hand_over(13),
    "hand over one cheek": hand_over(50),
    "tilted by 15 degrees": tilted(15.0),
    "tilted by -15 degrees": tilted(-15.0),
    "tilted by 30 degrees": tilted(30.0),
    "tilted by -30 degrees": tilted(-30.0),
}


def altered(
    path: Path, capture: Capture, how: Alteration, policy: Policy, rows: Sequence[int]
) -> Capture:
    """Return the frames `rows` of a clip, altered and tracked again, with their findings.

    They are cut to the face with as much again around it, which the tracker does not mind.
    """
    track, limits = capture.track, CaptureLimits()
    box = _cut(track, rows)

    def pictures() -> Iterator[tuple[float, Image]]:
        for row, image in frames_of_file(path, rows):
            points = track.landmarks[row].copy()
            whole = scaled(image, limits.max_side_px)
            cut = np.ascontiguousarray(whole[box[1] : box[3], box[0] : box[2]])
            points[:, :2] -= np.array([max(0, box[0]), max(0, box[1])], np.float32)
            own = how(cut, points) if np.isfinite(points).all() else cut
            yield float(track.t_s[row]), own

    sample = EvenSample(limits, len(rows))
    times, tracked, _ = collect(pictures(), sample, dense=True)
    steps = tuple(track.steps[row] for row in rows[: len(times)])
    own = face_track(times, tracked, steps)
    return replace(
        capture, track=own, images=(), kept=(), audio=None,
        findings=quality_findings(capture.source.kind, own, None, policy, _size(sample)),
    )  # fmt: skip


def _size(sample: EvenSample) -> tuple[int, int]:
    return sample.images[0].shape[1], sample.images[0].shape[0]


def frames_of_file(path: Path, rows: Sequence[int]) -> Iterator[tuple[int, Image]]:
    """Yield the frames `rows` (ascending) of a video, RGB."""
    wanted = set(rows)
    with av.open(str(path)) as source:
        for row, frame in enumerate(source.decode(video=0)):
            if row in wanted:
                yield row, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            if row >= rows[-1]:
                return


def scaled(image: Image, longest_px: int) -> Image:
    """Return the picture with its longer side at most `longest_px`."""
    scale = longest_px / max(image.shape)
    return image if scale >= 1 else np.asarray(cv2.resize(image, None, fx=scale, fy=scale))


def _cut(track: FaceTrack, rows: Sequence[int]) -> tuple[int, int, int, int]:
    """Return the box, x0 y0 x1 y1, around the face in all `rows` with its own size around it."""
    points = track.landmarks[list(rows)][:, :, :2]
    low, high = np.nanmin(points, axis=(0, 1)), np.nanmax(points, axis=(0, 1))
    around = float(np.nanmedian(np.ptp(points[:, :, 0], axis=1)))
    x0, y0 = np.maximum(low - 0.7 * around, 0).astype(int)
    x1, y1 = (high + 0.7 * around).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def _around(image: Image, centre: FloatArray, reach: float) -> Image:
    x, y = (int(v) for v in centre)
    r = max(2, int(reach))
    return image[max(0, y - r) : y + r, max(0, x - r) : x + r]


def _whole(point: FloatArray) -> tuple[int, int]:
    return int(point[0]), int(point[1])
