"""Which clips a batch holds: balanced, each self-made attack with its original."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layers.voice.training.store import STORED_SAMPLES, Clip

Index = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What one network is fitted with.

    Parameters
    ----------
    n_fft : int
        Window of the front end in samples.
    network : str
        ``spectrum``, which ships, or another of ``candidates``.
    steps, batch : int
        Number of updates and clips in each.
    learning_rate : float
        Peak of the cosine schedule.
    self_share : float
        Share of self-made attacks among the attacks of a batch.
    clean_share : float
        Share of clips that skip the stored channel variants.
    strength : float
        Strength of what is drawn afresh per batch.
    smoothing : float
        Label smoothing.
    one_class_weight : float
        Weight of a source that holds one class only: its channel is a shortcut.
    crop_samples : int
        Length of a training crop.
    rooms : float
        Share of clips in a simulated room, at strength 1.
    seed : int
        Of the weights' start and of every draw.
    """

    n_fft: int = 512
    network: str = "spectrum"
    steps: int = 2_400
    batch: int = 16
    learning_rate: float = 1.5e-3
    self_share: float = 0.5
    clean_share: float = 0.5
    strength: float = 0.4
    smoothing: float = 0.05
    one_class_weight: float = 0.6
    crop_samples: int = 32_000
    rooms: float = 0.5
    seed: int = 20_261_120


MEMBERS = (
    Recipe(n_fft=512, steps=15_000, seed=20_261_120),
    Recipe(n_fft=384, steps=9_000, seed=20_261_121),
    Recipe(n_fft=512, steps=5_000, rooms=0.3, seed=1),
)
"""The networks that ship: of those tried, the mean that did best on held-out sources."""


def _share(clips: tuple[Clip, ...], chosen: list[int], one_class: float) -> dict[int, float]:
    """Weight per clip, summing to one: sources count by the square root of their size."""
    both = {clip.source for clip in clips if clip.bonafide} & {
        clip.source for clip in clips if not clip.bonafide and not clip.self_made
    }
    by_source: dict[str, list[int]] = {}
    for index in chosen:
        by_source.setdefault(clips[index].source, []).append(index)
    weights = {
        index: (1.0 if source in both else one_class) / math.sqrt(len(members))
        for source, members in by_source.items()
        for index in members
    }
    total = sum(weights.values())
    return {index: weight / total for index, weight in weights.items()}


def sampling_weights(
    clips: tuple[Clip, ...], self_share: float, one_class: float
) -> npt.NDArray[np.float64]:
    """Half bona fide, half attacks (a share of them self-made), balanced by source inside."""
    weights = np.zeros(len(clips))
    groups = (
        (0.5, one_class, [i for i, clip in enumerate(clips) if clip.bonafide]),
        (
            0.5 * (1.0 - self_share),
            one_class,
            [i for i, clip in enumerate(clips) if not clip.bonafide and not clip.self_made],
        ),
        (0.5 * self_share, 1.0, [i for i, clip in enumerate(clips) if clip.self_made]),
    )
    for total, weight_one_class, members in groups:
        for index, weight in _share(clips, members, weight_one_class).items():
            weights[index] = total * weight
    return np.asarray(weights / weights.sum(), dtype=np.float64)


class Draws:
    """Draws batches; a self-made attack comes with the real clip it was made from.

    The two share the stretch of speech, so that only the synthesis tells them apart.
    """

    def __init__(
        self, clips: tuple[Clip, ...], weights: npt.NDArray[np.float64], variants: int
    ) -> None:
        self._edges = np.cumsum(weights)
        self._variants = variants
        self._real = np.array([clip.bonafide for clip in clips])
        self._made = np.array([clip.self_made for clip in clips])
        last = np.where(self._real, np.arange(len(clips)), 0)
        self._original = np.maximum.accumulate(last)

    def batch(self, recipe: Recipe, rng: np.random.Generator) -> tuple[Index, Index, Index]:
        """Clip, variant and first sample of each crop, each of shape ``(batch,)``."""
        size = recipe.batch
        index = np.searchsorted(self._edges, rng.random(size))
        index = np.minimum(index, len(self._edges) - 1)
        clean = rng.random(size) < recipe.clean_share
        variant = np.where(clean, 0, rng.integers(1, self._variants, size))
        start = rng.integers(0, STORED_SAMPLES - recipe.crop_samples, size)
        made, real = np.flatnonzero(self._made[index]), np.flatnonzero(self._real[index])
        for attack, original in zip(made, real, strict=False):
            index[original] = self._original[index[attack]]
            start[original] = start[attack]
            if (variant[attack] == 0) != (variant[original] == 0):
                variant[original] = 0 if variant[attack] == 0 else rng.integers(1, self._variants)
        return index, variant, start
