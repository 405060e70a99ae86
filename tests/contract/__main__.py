"""Play the document, and sessions' lives, for longer than a test may: `python -m tests.contract`.

Each round has a seed of its own, printed with its figures: `--seed N --rounds 1` repeats it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from service.casing import Casing
from tests.contract.life import live
from tests.contract.play import Played, play
from tests.contract.running import running
from tests.service.postgres import running_postgres
from tests.service.webhook_builders import INSIDE


def main() -> int:
    """Run rounds until the time is up; return 1 when anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    parser.add_argument("--examples", type=int, default=30, help="per operation and round")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=10_000, help="at most")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--postgres", action="store_true", help="instead of SQLite")
    asked = parser.parse_args()
    end = time.monotonic() + 60 * asked.minutes
    n_failures = 0
    with ExitStack() as stack:
        server = stack.enter_context(running_postgres()) if asked.postgres else None
        for seed in range(asked.seed, asked.seed + asked.rounds):
            if time.monotonic() >= end:
                break
            url = "" if server is None else server.new_database()
            n_failures += _round(seed, asked.examples, url, end)
    _say(f"{n_failures} failures")
    return min(1, n_failures)


def _round(seed: int, examples: int, database_url: str, end: float) -> int:
    n_failures = 0
    for share, casing in ((0.4, Casing.SNAKE), (0.6, Casing.CAMEL)):
        with tempfile.TemporaryDirectory() as folder:
            left_s = max(10, round(share * (end - time.monotonic())))
            with running(Path(folder), database_url=database_url, **INSIDE) as service:
                played = play(service, casing, examples=examples, seed=seed, max_time_s=left_s)
            _tell(f"seed {seed}, {casing}", played)
            n_failures += len(played.failures)
    try:
        lived = live(examples=examples, seed_=seed)
    except AssertionError:
        traceback.print_exc()
        return n_failures + 1
    _say(f"seed {seed}: {lived} lives of sessions")
    return n_failures


def _tell(name: str, played: Played) -> None:
    classes = Counter[str]()
    for (_, status), n in played.answers.items():
        classes[f"{status // 100}xx"] += n
    operations = len({label for label, _ in played.answers})
    _say(f"{name}: {played.requests} requests to {operations} operations, {dict(classes)}")
    for told in played.failures.values():
        _say(told + "\n")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
