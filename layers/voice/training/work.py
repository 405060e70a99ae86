"""Intermediate results, kept in a folder under a key of all their inputs, so that runs resume."""

import hashlib
import json
from dataclasses import asdict
from logging import Logger
from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save_file
from torch import Tensor

from layers.voice.training.data import Row
from layers.voice.training.fit import fit
from layers.voice.training.sampling import Recipe
from layers.voice.training.store import Clip, Store, StoreSettings, build_store


def key_of(*inputs: object) -> str:
    """Short digest of the inputs of one intermediate result."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def files_digest(folder: Path | None) -> str:
    """SHA-256 over the names and contents of a folder's files; of nothing for no folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()) if folder is not None else ():
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def kept_store(
    work: Path, folder: Path, rows: tuple[Row, ...], key: str, settings: StoreSettings
) -> Store:
    """Return the store of these rows, building it unless ``work`` holds it."""
    waves, clips = work / f"store-{key}.npy", work / f"store-{key}.json"
    if not clips.exists():
        built = build_store(folder, rows, settings)
        np.save(waves, built.waves)
        clips.write_text(json.dumps([asdict(clip) for clip in built.clips]), encoding="utf-8")
    listed = json.loads(clips.read_text(encoding="utf-8"))
    return Store(tuple(Clip(**clip) for clip in listed), np.load(waves, mmap_mode="r"))


def kept_member(
    work: Path, store: Store, recipe: Recipe, key: str, log: Logger
) -> dict[str, Tensor]:
    """Return the tensors of one fitted network, fitting it unless ``work`` holds it."""
    path = work / f"member-{key}.safetensors"
    if not path.exists():
        state = fit(store, recipe, log).state_dict()
        save_file({name: value.contiguous() for name, value in state.items()}, path)
    return load_file(path)
