"""What a deployment holds at a moment: memory, processes, files, connections. Read from /proc."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from tests.chaos.deployment import Deployment

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Footprint:
    """Sums over every process of a deployment and their children."""

    memory_mib: float
    processes: int
    threads: int
    files: int
    sockets: int

    def as_dict(self) -> dict[str, float]:
        return asdict(self)

    @staticmethod
    def mean(samples: Sequence[Footprint]) -> dict[str, float]:
        return {
            one.name: round(sum(getattr(sample, one.name) for sample in samples) / len(samples), 1)
            for one in fields(Footprint)
        }


def footprint_of(deployment: Deployment) -> Footprint:
    """Return what the deployment holds now."""
    memory = threads = files = sockets = processes = 0
    for pid in _family(deployment):
        try:
            status = (_PROC / str(pid) / "status").read_text()
            links = [str(one.readlink()) for one in (_PROC / str(pid) / "fd").iterdir()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        processes += 1
        memory += _field(status, "VmRSS")
        threads += _field(status, "Threads")
        files += len(links)
        sockets += sum(link.startswith("socket:") for link in links)
    return Footprint(round(memory / 1024, 1), processes, threads, files, sockets)


def _family(deployment: Deployment) -> Iterator[int]:
    waiting = [one.running.pid for one in deployment.processes if one.running is not None]
    while waiting:
        pid = waiting.pop()
        yield pid
        try:
            for task in (_PROC / str(pid) / "task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue


def _field(status: str, name: str) -> int:
    line = next((one for one in status.splitlines() if one.startswith(f"{name}:")), f"{name}: 0")
    return int(line.split()[1])
