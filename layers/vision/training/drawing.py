"""Draws training pairs for the networks: one real picture and one fake made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from layers.capture.types import FloatArray, Image
from layers.vision import mesh
from layers.vision.ensemble import CROP_PX
from layers.vision.training.faces import LabelledFace
from layers.vision.training.resynthesis import resynthesised
from layers.vision.training.self_blend import (
    Face,
    Generator,
    blended,
    face_mask,
    laid_over,
    warped,
)

Rows = list[tuple[Image, FloatArray]]
RESYNTHESIS_OF_FACE_ONLY = 0.5
WARPED = 0.7


@dataclass(frozen=True, slots=True)
class Mix:
    """What a network is shown, and how its answer is laid out.

    Parameters
    ----------
    cell_px
        Side of the cells that it answers for.
    swap_pair, resynthesis
        Chance of a real face-swap pair; else of a redrawn picture; else a blend is made.
    donor
        Chance that a blend takes another person's face, and not the same one.
    video
        Chance that a picture comes from a clip and not from a photo.
    smallest
        Smallest factor that pictures are scaled by.
    camera
        What both pictures of a pair are recorded with.
    """

    cell_px: int
    swap_pair: float
    resynthesis: float
    donor: float
    video: float
    smallest: float
    camera: Callable[[Generator, Image], Image]


class Drawer:
    """Draws from the crops it was given; both pictures of a pair share geometry and camera."""

    def __init__(self, crops: Iterable[LabelledFace], mix: Mix, random: Generator) -> None:
        crops = list(crops)
        self.mix = mix
        real = [c for c in crops if not c.clip.is_attack]
        self.random = random
        self.videos = [c.face for c in real if c.clip.is_video]
        self.photos = [c.face for c in real if not c.clip.is_video]
        whole = {(c.clip.pair, c.frame): c.face for c in real if c.clip.pair}
        self.swaps = [
            (whole[c.clip.pair, c.frame], c.face)
            for c in crops
            if c.clip.label == "faceswap" and (c.clip.pair, c.frame) in whole
        ]

    def batch(self, pairs: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(2 N, 3, 224, 224) pictures in 0-1 and (2 N, cells, cells) masks, real, fake, real …."""
        rows = [row for _ in range(pairs) for row in self._pair()]
        pixels = np.stack([r[0] for r in rows]).transpose(0, 3, 1, 2)
        cells = (CROP_PX // self.mix.cell_px, CROP_PX // self.mix.cell_px)
        masks = [cv2.resize(r[1], cells, interpolation=cv2.INTER_AREA) for r in rows]
        return (
            torch.from_numpy(pixels.copy()).float() / 255.0,
            torch.from_numpy(np.stack(masks)).clamp(0, 1),
        )

    def _pair(self) -> Rows:
        random = self.random
        if self.swaps and random.random() < self.mix.swap_pair:
            face, swapped = self.swaps[random.integers(len(self.swaps))]
            fake, mask = swapped.rgb, _oval(face)
        elif random.random() < self.mix.resynthesis:
            face = self._any()
            fake, mask = self._resynthesised(face)
        else:
            face = self._any()
            donor = self._any() if random.random() < self.mix.donor else None
            fake, mask = blended(random, face, donor)
        return self._seen(face, (face.rgb, fake), (np.zeros_like(mask), mask))

    def _resynthesised(self, face: Face) -> tuple[Image, FloatArray]:
        """The whole picture as a reenactment has it, or the face alone as a swap has it."""
        random = self.random
        drawn = resynthesised(random, face.rgb)
        if random.random() >= RESYNTHESIS_OF_FACE_ONLY:
            return drawn, np.ones(drawn.shape[:2], np.float32)
        if random.random() < WARPED:
            drawn = warped(random, Face(drawn, face.points))
        mask = face_mask(random, face)
        return laid_over(drawn, face.rgb, mask), mask

    def _any(self) -> Face:
        use_video = self.videos and (not self.photos or self.random.random() < self.mix.video)
        pool = self.videos if use_video else self.photos
        return pool[self.random.integers(len(pool))]

    def _seen(self, face: Face, pictures: Iterable[Image], masks: Iterable[FloatArray]) -> Rows:
        random = self.random
        centre = face.points[list(mesh.OVAL)].mean(axis=0)
        middle = (float(centre[0]), float(centre[1]))
        angle, scale = random.uniform(-12, 12), random.uniform(self.mix.smallest, 1.15)
        turn = cv2.getRotationMatrix2D(middle, angle, scale)
        turn[:, 2] = turn[:, 2] + CROP_PX / 2 - centre + random.uniform(-10, 10, 2)
        flip = bool(random.random() < 0.5)
        camera = int(random.integers(1 << 31))
        size = (CROP_PX, CROP_PX)
        rows: Rows = []
        for rgb, mask in zip(pictures, masks, strict=True):
            moved = cv2.warpAffine(
                rgb, turn, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
            ).astype(np.uint8)
            moved = self.mix.camera(np.random.default_rng(camera), moved)
            share = cv2.warpAffine(mask, turn, size)
            if flip:
                moved, share = moved[:, ::-1], share[:, ::-1]
            rows.append((np.ascontiguousarray(moved), np.ascontiguousarray(share, np.float32)))
        return rows


def _oval(face: Face) -> FloatArray:
    # Where exactly a swapper blended is not known: a little within the oval.
    oval = face.points[list(mesh.OVAL)]
    shrunk = oval.mean(axis=0) + 0.92 * (oval - oval.mean(axis=0))
    return mesh.hull_mask(face.rgb.shape, shrunk).astype(np.float32)
