"""Clips, their self-made attacks and channel variants, computed once into one int16 array."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from layers.voice.training.augment import channel_variant, set_level, through_codec, trim_silence
from layers.voice.training.data import Row, load_waveform
from layers.voice.training.resynthesis import NeuralVocoder, load_neural, neural_attack
from layers.voice.training.synthesis import copy_synthesis

STORED_SAMPLES = 51_200
_ROW_CODEC_BIT_RATE = 32_000


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What is made of each row.

    Parameters
    ----------
    seed : int
        Of every draw.
    renderings : int
        Attacks by signal processing per bona fide row.
    neural : int
        Attacks by neural vocoders per bona fide row.
    variants : int
        Channel variants of each clip, the plain one included.
    vocoders : Path, optional
        Folder of the neural vocoders; needed where ``neural`` is not 0.
    workers : int
        Processes; changes nothing but the time it takes.
    """

    seed: int
    renderings: int
    neural: int
    variants: int
    vocoders: Path | None
    workers: int


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


@cache
def _neural(folder: Path | None) -> tuple[NeuralVocoder, ...]:
    if folder is None:
        raise ValueError(
            "vocoders: expected a folder; fit it with layers.voice.training.fit_vocoders"
        )
    return load_neural(folder)


def _build(
    item: tuple[int, Row], folder: Path, settings: StoreSettings
) -> list[tuple[Clip, npt.NDArray[np.int16]]]:
    torch.set_num_threads(1)
    index, row = item
    rng = np.random.default_rng((settings.seed, index))
    wave = load_waveform(folder / row.path)
    plain = _variants(wave, settings.variants, rng)
    built = [(Clip(row.source, row.generator, row.bonafide), plain)]
    if row.bonafide and row.redistributable:
        made = [copy_synthesis(wave, rng) for _ in range(settings.renderings)]
        made += [
            neural_attack(wave, _neural(settings.vocoders), rng) for _ in range(settings.neural)
        ]
        for name, attack in made:
            attack = through_codec(attack, "libopus", "ogg", 48_000, _ROW_CODEC_BIT_RATE)
            clip = Clip(row.source, f"self:{name}", False)
            built.append((clip, _variants(attack, settings.variants, rng)))
    return built


def build_store(folder: Path, rows: Sequence[Row], settings: StoreSettings) -> Store:
    """Decode, synthesise and augment every row; the same seed gives the same array."""
    work = partial(_build, folder=folder, settings=settings)
    with ProcessPoolExecutor(settings.workers) as pool:
        built = list(chain.from_iterable(pool.map(work, enumerate(rows), chunksize=16)))
    return Store(tuple(clip for clip, _ in built), np.stack([wave for _, wave in built]))
