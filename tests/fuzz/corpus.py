"""The kept inputs: fixtures/fuzz/TARGET--OUTCOME--DIGEST.bin, each the smallest of its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "fixtures" / "fuzz"


@dataclass(frozen=True, slots=True)
class Entry:
    """One input and the outcome that it reached when it was kept."""

    name: str
    target: str
    outcome: str
    data: bytes


def file_name(target: str, outcome: str, digest: str) -> str:
    """Return the name under which an input is kept."""
    return f"{target}--{outcome.replace(' ', '_').replace(',', '')}--{digest}.bin"


def load_corpus() -> list[Entry]:
    """Return the inputs in the order of their names."""
    entries = []
    for path in sorted(FOLDER.glob("*--*--*.bin")):
        target, outcome, _ = path.stem.split("--")
        entries.append(Entry(path.stem, target, outcome, path.read_bytes()))
    return entries
