"""Print the tables of one split as Markdown; further arguments name single tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from layers.liveness.measurements.every import tables
from layers.liveness.measurements.table import markdown
from verdict.policy import load_policy


def main(arguments: Sequence[str]) -> None:
    """Print one table after the other, as soon as each is there."""
    manifest, split = Path(arguments[0]), arguments[1]
    for make in tables(manifest, split, load_policy(), arguments[2:]).values():
        sys.stdout.write(markdown(make()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
