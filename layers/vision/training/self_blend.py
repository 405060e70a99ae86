"""Self-blended training images: a real face blended onto itself, so that only the blend is fake.

References
----------
Shiohara and Yamasaki, CVPR 2022, arXiv 2204.08376: source and target transforms, mask
deformation, blending ratio. Li et al., CVPR 2020, arXiv 1912.13458: another person's face as
source, colours transferred (Reinhard et al., 2001). Our own code and ranges.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from layers.capture.types import FloatArray, Image
from layers.vision import mesh

Generator = np.random.Generator
ANCHORS = (33, 133, 362, 263, 1, 61, 291, 152, 10, 234, 454)
UPPER_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)


@dataclass(frozen=True, slots=True)
class Face:
    """A crop with its (478, 2) landmarks."""

    rgb: Image
    points: FloatArray


def blended(random: Generator, face: Face, donor: Face | None = None) -> tuple[Image, FloatArray]:
    """One fake picture and the (H, W) share of every pixel that was replaced."""
    mask = face_mask(random, face)
    if donor is not None:
        source = onto(donor, face)
    else:
        source = warped(random, face) if random.random() < 0.8 else face.rgb
        source = recoloured(random, source) if random.random() < 0.8 else source
    target = face.rgb
    if random.random() < 0.85:
        source = softened(random, source)
    if random.random() < 0.15:
        target = softened(random, target)
    return laid_over(source, target, mask), mask


def laid_over(source: Image, target: Image, mask: FloatArray) -> Image:
    """`source` where the mask is 1, `target` where it is 0."""
    share = mask[..., None]
    return _bytes(source.astype(np.float32) * share + target.astype(np.float32) * (1 - share))


def face_mask(random: Generator, face: Face) -> FloatArray:
    """A mask as face swappers use: whole oval, brows down, inner face or lower half; feathered."""
    points = face.points
    oval = points[list(mesh.OVAL)]
    width = float(mesh.face_width(points))
    centre = oval.mean(axis=0)
    kind = random.random()
    if kind < 0.45:
        outline = oval.copy()
    elif kind < 0.75:
        lower = oval[oval[:, 1] > points[[105, 334], 1].mean()]
        raised = points[list(UPPER_BROWS)] - (0.0, random.uniform(0, 0.12) * width)
        outline = np.vstack([lower, raised])
    elif kind < 0.9:
        outline = centre + (oval - centre) * (random.uniform(0.7, 0.9), random.uniform(0.75, 0.95))
    else:
        outline = np.vstack([oval[oval[:, 1] > points[1, 1]], points[[116, 345, 1]]])
    outline = outline + random.normal(0, 0.01 * width, outline.shape)
    outline = centre + (outline - centre) * random.uniform(0.86, 1.03)
    mask = mesh.hull_mask(face.rgb.shape, outline).astype(np.float32)
    mask = _elastic(random, mask, 5, 0.02 * width)
    feather = max(0.6, random.uniform(0.01, 0.09) * width)
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), feather), np.float32)
    if random.random() < 0.7:
        mask = np.clip(2 * mask - 1, 0, 1)  # the feather falls inside the outline
    final: FloatArray = mask * np.float32(random.choice([0.5, 0.75, 1, 1, 1, 1]))
    return final


def recoloured(random: Generator, rgb: Image) -> Image:
    """Shift lightness, contrast and chroma as a colour transfer that nearly fits."""
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 0] = (lab[..., 0] - 128) * random.uniform(0.9, 1.1) + 128 + random.uniform(-10, 10)
    lab[..., 1:] = (lab[..., 1:] - 128) * random.uniform(0.8, 1.15) + 128
    lab[..., 1:] += random.uniform(-5, 5, 2)
    back: Image = cv2.cvtColor(_bytes(lab), cv2.COLOR_LAB2RGB).astype(np.uint8)
    return back


def softened(random: Generator, rgb: Image) -> Image:
    """What a generator does to a face: its own resolution, softness, sharpening, residual noise."""
    kind = random.random()
    if kind < 0.35:
        rgb = resampled(random, rgb, 0.35, 0.9)
    elif kind < 0.55:
        rgb = cv2.GaussianBlur(rgb, (0, 0), random.uniform(0.4, 1.4)).astype(np.uint8)
    elif kind < 0.75:
        colour, space = random.uniform(10, 40), random.uniform(1, 3)
        rgb = cv2.bilateralFilter(rgb, 5, colour, space).astype(np.uint8)
    elif kind < 0.85:
        rgb = cv2.medianBlur(rgb, 3).astype(np.uint8)
    elif kind < 0.95:
        rgb = sharpened(rgb, random.uniform(0.7, 1.5), random.uniform(0.3, 1.2))
    if random.random() < 0.3:
        rgb = sharpened(rgb, 1.0, random.uniform(0.1, 0.6))
    if random.random() < 0.2:
        rgb = jpeg(rgb, int(random.integers(40, 95)))
    if random.random() < 0.3:
        rgb = noisy(random, rgb, random.uniform(0.5, 2.5), random.uniform(0.3, 1.0))
    return rgb


def onto(donor: Face, face: Face) -> Image:
    """The donor's picture laid over the face's landmarks, with the face's colour statistics."""
    anchors = list(ANCHORS)
    matrix, _ = cv2.estimateAffine2D(
        donor.points[anchors].astype(np.float32),
        face.points[anchors].astype(np.float32),
        method=cv2.LMEDS,
    )
    inside = mesh.hull_mask(face.rgb.shape, face.points[list(mesh.OVAL)])
    if matrix is None or inside.sum() < 50:
        return face.rgb
    size = (face.rgb.shape[1], face.rgb.shape[0])
    laid = cv2.warpAffine(
        donor.rgb, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    own = cv2.cvtColor(laid, cv2.COLOR_RGB2LAB).astype(np.float32)
    other = cv2.cvtColor(face.rgb, cv2.COLOR_RGB2LAB).astype(np.float32)
    gain = (other[inside].std(axis=0) + 1e-3) / (own[inside].std(axis=0) + 1e-3)
    own = (own - own[inside].mean(axis=0)) * np.clip(gain, 0.6, 1.6) + other[inside].mean(axis=0)
    back: Image = cv2.cvtColor(_bytes(own), cv2.COLOR_LAB2RGB).astype(np.uint8)
    return back


def sharpened(rgb: Image, sigma: float, amount: float) -> Image:
    """Unsharp mask."""
    smooth = cv2.GaussianBlur(rgb, (0, 0), sigma).astype(np.float32)
    return _bytes(rgb.astype(np.float32) * (1 + amount) - amount * smooth)


def noisy(random: Generator, rgb: Image, level: float, grain: float) -> Image:
    """Add noise of `level` grey levels before a blur of `grain` pixels."""
    noise = random.normal(0, level, rgb.shape).astype(np.float32)
    return _bytes(rgb + np.asarray(cv2.GaussianBlur(noise, (0, 0), grain), np.float32))


def resampled(random: Generator, rgb: Image, low: float, high: float) -> Image:
    """Shrink by a random factor and enlarge again."""
    height, width = rgb.shape[:2]
    share = random.uniform(low, high)
    small = cv2.resize(
        rgb, (max(8, int(width * share)), max(8, int(height * share))), interpolation=cv2.INTER_AREA
    )
    back = int(random.choice([cv2.INTER_CUBIC, cv2.INTER_LINEAR]))
    large: Image = cv2.resize(small, (width, height), interpolation=back).astype(np.uint8)
    return large


def jpeg(rgb: Image, quality: int) -> Image:
    """Through JPEG and back."""
    _, data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
    back: Image = cv2.imdecode(data, cv2.IMREAD_COLOR).astype(np.uint8)
    return back


def warped(random: Generator, face: Face) -> Image:
    """Shift, turn and bend a face a little, as a blend that nearly fits."""
    height, width = face.rgb.shape[:2]
    size = float(mesh.face_width(face.points))
    a = random.uniform(-0.015, 0.015, 4)
    linear = np.array([[1 + a[0], a[1]], [a[2], 1 + a[3]]])
    centre = face.points[list(mesh.OVAL)].mean(axis=0)
    shift = centre - linear @ centre + random.uniform(-0.02, 0.02, 2) * size
    matrix = np.column_stack([linear, shift])
    moved = cv2.warpAffine(
        face.rgb, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return _bytes(_elastic(random, moved.astype(np.uint8), 6, 0.006 * size))


def _elastic(random: Generator, image: FloatArray | Image, cells: int, reach: float) -> FloatArray:
    height, width = image.shape[:2]
    fields = [
        cv2.resize(
            random.normal(size=(cells, cells)).astype(np.float32),
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
        for _ in range(2)
    ]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    bent = cv2.remap(
        image,
        columns + reach * fields[0],
        rows + reach * fields[1],
        cv2.INTER_CUBIC if image.ndim == 3 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.asarray(bent, np.float32)


def _bytes(values: npt.ArrayLike) -> Image:
    result: Image = np.clip(values, 0, 255).astype(np.uint8)
    return result
