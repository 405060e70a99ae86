"""Clips, their self-made attacks and channel variants, computed once into one int16 array."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from layers.voice.training.augment import channel_variant, set_level, through_codec, trim_silence
from layers.voice.training.data import Row, load_waveform
from layers.voice.training.synthesis import copy_synthesis

STORED_SAMPLES = 51_200
_ROW_CODEC_BIT_RATE = 32_000


@dataclass(frozen=True, slots=True)
class Clip:
    """One training clip: a recorded row, or an attack made from it."""

    source: str
    generator: str
    bonafide: bool

    @property
    def self_made(self) -> bool:
        """True for an attack that ``synthesis`` made."""
        return self.generator.startswith("self:")


@dataclass(frozen=True, slots=True)
class Store:
    """All clips with their variants.

    Parameters
    ----------
    clips : tuple of Clip
        What each first index holds.
    waves : npt.NDArray[np.int16], shape (clips, variants, STORED_SAMPLES)
        Repeat-padded waveforms; variant 0 is the clip with its silence trimmed.
    """

    clips: tuple[Clip, ...]
    waves: npt.NDArray[np.int16]


def _stored(wave: npt.NDArray[np.float32]) -> npt.NDArray[np.int16]:
    levelled = set_level(wave, -22.0)
    return np.asarray(np.round(np.resize(levelled, STORED_SAMPLES) * 32767.0), dtype=np.int16)


def _variants(
    wave: npt.NDArray[np.float32], variants: int, rng: np.random.Generator
) -> npt.NDArray[np.int16]:
    made = [trim_silence(wave, 0.1)] + [channel_variant(wave, rng) for _ in range(variants - 1)]
    return np.stack([_stored(one) for one in made])


def _build(
    item: tuple[int, Row], folder: Path, seed: int, renderings: int, variants: int
) -> list[tuple[Clip, npt.NDArray[np.int16]]]:
    torch.set_num_threads(1)
    index, row = item
    rng = np.random.default_rng((seed, index))
    wave = load_waveform(folder / row.path)
    built = [(Clip(row.source, row.generator, row.bonafide), _variants(wave, variants, rng))]
    if row.bonafide and row.redistributable:
        for _ in range(renderings):
            name, made = copy_synthesis(wave, rng)
            made = through_codec(made, "libopus", "ogg", 48_000, _ROW_CODEC_BIT_RATE)
            clip = Clip(row.source, f"self:{name}", False)
            built.append((clip, _variants(made, variants, rng)))
    return built


def build_store(
    folder: Path, rows: Sequence[Row], seed: int, renderings: int, variants: int, workers: int
) -> Store:
    """Decode, synthesise and augment every row; the same seed gives the same array."""
    work = partial(_build, folder=folder, seed=seed, renderings=renderings, variants=variants)
    with ProcessPoolExecutor(workers) as pool:
        built = list(chain.from_iterable(pool.map(work, enumerate(rows), chunksize=16)))
    return Store(tuple(clip for clip, _ in built), np.stack([wave for _, wave in built]))
