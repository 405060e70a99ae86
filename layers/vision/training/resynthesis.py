"""What a decoder leaves behind, without a decoder: texture lost, edges kept, traces of doubling.

Reenacted and generated faces have no seam, so self-blending can't teach them. Their pictures come
out of layers that double the resolution: this shrinks a real picture and enlarges it with such
layers' kernels, slightly wrong ones, gives back the strong edges and not the fine texture, and at
times puts texture of its own in its place.

References
----------
Odena, Dumoulin and Olah, "Deconvolution and Checkerboard Artifacts", Distill 2016; Tan et al.,
"Rethinking the Up-Sampling Operations in CNN-based Generative Network", CVPR 2024 (what doubling
leaves between neighbouring pixels). The simulation is ours.
"""

from __future__ import annotations

import cv2
import numpy as np

from layers.capture.types import FloatArray, Image
from layers.vision.training.self_blend import Generator

BILINEAR = np.array([0.25, 0.75, 0.75, 0.25])


def resynthesised(random: Generator, rgb: Image) -> Image:
    """Return the picture as a generator of random make would have drawn it."""
    height, width = rgb.shape[:2]
    share = random.uniform(0.7, 1.0) if random.random() < 0.6 else 1.0
    size = (int(width * share) // 8 * 8, int(height * share) // 8 * 8)
    levels = _halvings(rgb, size, int(random.choice([1, 1, 2, 2, 3])))
    kept, edge = random.uniform(0.0, 0.5), random.uniform(1.5, 7)
    drawn = levels.pop()
    for level in reversed(levels):
        drawn = _next_level(random, drawn, level, kept, edge)
    if random.random() < 0.35:
        drawn = drawn + _texture(random, (drawn.shape[0], drawn.shape[1]))
    back = int(random.choice([cv2.INTER_CUBIC, cv2.INTER_LINEAR]))
    whole = cv2.resize(drawn, (width, height), interpolation=back)
    return np.clip(whole, 0, 255).astype(np.uint8)


def doubling_kernel(random: Generator) -> FloatArray:
    """(4, 4) kernel of a doubling layer, its four phases each of about weight one."""
    kernel = np.outer(BILINEAR, BILINEAR)
    kernel = kernel * (1 + random.normal(0, random.choice([0, 0, 0.02, 0.05, 0.1]), (4, 4)))
    if random.random() < 0.3:  # as nearest neighbours and a narrow convolution
        square = np.zeros((4, 4))
        square[1:3, 1:3] = 1
        kernel = np.asarray(cv2.GaussianBlur(square, (0, 0), random.uniform(0.3, 0.7)))
    for row in (0, 1):
        for column in (0, 1):
            if random.random() < 0.8:  # what is not evened out stays as a checkerboard
                phase = kernel[row::2, column::2]
                kernel[row::2, column::2] = phase / phase.sum()
    evened: FloatArray = (kernel * 4 / kernel.sum()).astype(np.float32)
    return evened


def doubled(picture: FloatArray, kernel: FloatArray) -> FloatArray:
    """Twice the size: pixels spread out, the gaps filled by `kernel`."""
    height, width, channels = picture.shape
    spread = np.zeros((2 * height, 2 * width, channels), np.float32)
    spread[::2, ::2] = picture
    filled = cv2.filter2D(spread, -1, kernel, anchor=(1, 1), borderType=cv2.BORDER_REFLECT)
    return np.asarray(filled, np.float32)


def _halvings(rgb: Image, size: tuple[int, int], depth: int) -> list[FloatArray]:
    """The picture at `size`, and `depth` times halved; the smallest last."""
    levels = [np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.float32)]
    for _ in range(depth):
        last = levels[-1]
        half = (last.shape[1] // 2, last.shape[0] // 2)
        levels.append(np.asarray(cv2.resize(last, half, interpolation=cv2.INTER_AREA), np.float32))
    return levels


def _next_level(
    random: Generator, drawn: FloatArray, level: FloatArray, kept: float, edge: float
) -> FloatArray:
    height, width = level.shape[:2]
    larger = doubled(drawn, doubling_kernel(random))[:height, :width]
    plain = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_LINEAR)
    detail = level - plain
    strength = np.abs(detail).max(axis=2, keepdims=True)
    edges = detail * np.maximum(strength - edge, 0) / np.maximum(strength, 1e-3)
    mixed = larger + edges * random.uniform(0.8, 1.25) + detail * kept * random.uniform(0, 0.6)
    return np.asarray(mixed, np.float32)


def _texture(random: Generator, shape: tuple[int, int]) -> FloatArray:
    """Grain drawn at half the size and doubled, alike in all colours."""
    half = (shape[0] // 2, shape[1] // 2, 1)
    grain = random.normal(0, random.uniform(1, 4), half).astype(np.float32)
    return doubled(np.repeat(grain, 3, axis=2), doubling_kernel(random))[: shape[0], : shape[1]]
