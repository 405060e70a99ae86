"""How long one capture takes on this machine: ``python -m service.demo.bench``.

Sixty pictures of 640x480 and four seconds of sound, made by the demo's code, through the real
stages with warm models. Prints medians of ten, the memory of all processes, and the start-up time.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from layers.capture.description import read_description
from layers.capture.types import Step
from layers.runner import LayerRunner, MediaRequest
from service.demo.attack import make_attack
from verdict import decide, load_policy

_FRAMES = 60
_PHRASE = "balloon coffee dragon summer window"
_STEPS = (Step.NEUTRAL, Step.BLINK, Step.TURN_LEFT, Step.TURN_RIGHT, Step.SPEAK)


def main(
    runs: Annotated[int, typer.Option(help="Captures to time, one after the other.")] = 10,
) -> None:
    """Time one capture from files to verdict."""
    policy = load_policy()
    with tempfile.TemporaryDirectory(prefix="bonafide-bench-") as folder:
        request = _sixty_frames(Path(folder))
        began = time.perf_counter()
        with LayerRunner() as runner:
            runner.wait_until_warm()
            start_up_s = time.perf_counter() - began
            timings: list[dict[str, float]] = []
            for _ in range(runs + 1):
                began = time.perf_counter()
                analysis = runner.analyse(request, policy)
                decide(analysis.evidence, policy)
                total_ms = 1000 * (time.perf_counter() - began)
                timings.append({**analysis.evidence.timings_ms, "total": total_ms})
            memory_mb = _memory_mb()
    medians = {
        name: round(statistics.median(row[name] for row in timings[1:])) for name in timings[0]
    }
    result = {
        "frames": len(analysis.capture.track),
        "sound_s": round(analysis.capture.audio.duration_s, 2) if analysis.capture.audio else 0,
        "runs": runs,
        "median_ms": medians,
        "peak_memory_mb": memory_mb,
        "start_up_s": round(start_up_s, 1),
    }
    typer.echo(json.dumps(result, indent=1))


def _sixty_frames(folder: Path) -> MediaRequest:
    """Return an attack cut to sixty pictures; five words of the list take some four seconds."""
    files = make_attack(_PHRASE, [str(step) for step in _STEPS], folder)
    described = json.loads(files.description)
    described["frames"] = described["frames"][:_FRAMES]
    (folder / "capture.json").write_text(json.dumps(described), encoding="utf-8")
    return MediaRequest(frames=folder, challenge=read_description(folder).challenge(_PHRASE))


def _memory_mb() -> dict[str, int]:
    """Return the memory of this process and its children.

    ``resident_peak`` adds up every process' own peak and so counts shared libraries once per
    process; ``proportional`` is what the machine gives up for all of them right after the runs.
    """
    family = [str(os.getpid()), *_children(os.getpid())]
    peak = sum(_kilobytes(Path(f"/proc/{pid}/status"), "VmHWM") for pid in family)
    shared_out = sum(_kilobytes(Path(f"/proc/{pid}/smaps_rollup"), "Pss") for pid in family)
    return {"resident_peak": peak // 1024, "proportional": shared_out // 1024}


def _children(parent: int) -> list[str]:
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [child for task in tasks for child in task.read_text(encoding="utf-8").split()]


def _kilobytes(path: Path, key: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


if __name__ == "__main__":
    typer.run(main)
