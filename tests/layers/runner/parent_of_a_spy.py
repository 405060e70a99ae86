"""Has a confined child look into its parent, and prints what it got. Run as a program.

Arguments: the user to become, and `shut` or `open`. It forks, as another user may not be allowed
to start our interpreter.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable
from multiprocessing import resource_tracker
from pathlib import Path

from layers.runner.confinement import confine, refuse_inspection, start_tracker_without_secrets

_KEY = b"marker-of-a-secret"
_PR_SET_DUMPABLE = 4
_PROCESSES = Path("/proc")


def _spy(parent: Path) -> dict[str, str]:
    return {
        "environ": _got(lambda: (parent / "environ").read_bytes()),
        "mem": _got(lambda: _heap(parent)),
        "fd": _got(lambda: (parent / "fd" / "1").readlink().name.encode()),
    }


def _got(look: Callable[[], bytes]) -> str:
    try:
        return "key" if _KEY in look() else "read"
    except PermissionError:
        return "refused"


def _heap(process: Path) -> bytes:
    lines = (process / "maps").read_text().splitlines()
    place = next(line for line in lines if line.endswith("[heap]")).split("-")[0]
    with (process / "mem").open("r+b", 0) as memory:
        memory.seek(int(place, 16))
        return memory.read(4096)


def main(user: int, how: str) -> None:
    """Print what the child got as JSON."""
    start_tracker_without_secrets()
    tracker = _PROCESSES / str(vars(resource_tracker._resource_tracker)["_pid"])
    told = {"tracker": _got(lambda: (tracker / "environ").read_bytes())}
    assert _KEY.decode() in os.environ.values()
    if user != os.geteuid():
        os.setgid(user)
        os.setuid(user)
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # which the change has put out
    if how == "shut":
        refuse_inspection()
    parent = _PROCESSES / str(os.getpid())
    child = os.fork()
    if child == 0:
        confine(2 * 1024**3, programs=False)
        sys.stdout.write(json.dumps(told | _spy(parent)))
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
