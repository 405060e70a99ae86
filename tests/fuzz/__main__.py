"""Fuzz the parsers: `python -m tests.fuzz --minutes 10`.

Fails on an exception that is no typed refusal, and on a hang. What failed is kept in --failed;
with --keep, fixtures/fuzz gets one small input for each new outcome.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.campaign import Figures, campaign
from tests.fuzz.corpus import FOLDER, file_name, load_corpus
from tests.fuzz.seeds import make_seeds


def main() -> int:
    """Run; return 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--inputs", type=int, help="at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="new outcomes, into fixtures/fuzz")
    parser.add_argument("--failed", type=Path, help="folder for inputs that failed")
    asked = parser.parse_args()
    end = time.monotonic() + 60 * asked.minutes
    with tempfile.TemporaryDirectory() as folder:
        seeds = make_seeds(Path(folder))
        for entry in load_corpus():
            seeds[entry.target].append(entry.data)
        figures = campaign(seeds, Path(folder), seed=asked.seed, end=end, most=asked.inputs)
    _tell(figures)
    if asked.keep:
        _keep(figures)
    if asked.failed is not None:
        asked.failed.mkdir(parents=True, exist_ok=True)
        for digest, data in figures.failed_inputs.items():
            (asked.failed / digest).write_bytes(data)
    return 1 if figures.failures else 0


def _tell(figures: Figures) -> None:
    lines = [
        f"{n:8d}  {target:12s} {outcome}"
        for (target, outcome), n in sorted(figures.outcomes.items())
    ]
    lines.append(
        f"{figures.inputs} inputs, slowest {figures.slowest_s:.2f} s, "
        f"largest child {figures.memory_kib / 1024:.0f} MiB, {len(figures.failures)} failures"
    )
    lines += [f"input {digest}: {told}" for told, digest in figures.failures.items()]
    sys.stdout.write("\n".join(lines) + "\n")


def _keep(figures: Figures) -> None:
    known = {(entry.target, entry.outcome) for entry in load_corpus()}
    FOLDER.mkdir(exist_ok=True)
    for (target, outcome, _), data in figures.first.items():
        if (target, outcome) not in known and len(data) < 20_000:
            digest = hashlib.sha256(data).hexdigest()[:8]
            (FOLDER / file_name(target, outcome, digest)).write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
