"""One process of a deployment with stubs for the layers: ``python -m tests.chaos.process ROLE``.

Settings come from the environment, as everywhere. ``STUB_PAUSE_S`` is how long an analysis takes,
``STUB_POOLS=1`` runs the stub layers in the real pools of children.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from fastapi import FastAPI

from layers.runner.tasks import die_with_parent
from service.analyser import Analyser, StoredCapture
from service.app import create_app
from service.layer_analyser import LayerAnalyser
from service.server import api_app, run_api, run_worker, serve_app
from service.settings import Settings
from tests.service.service_builders import evidence
from tests.service.stub_layers import tasks_for_load
from verdict.evidence import Evidence
from verdict.measurement import QualityFinding
from verdict.policy import Policy

# A frame with this in it takes the whole process along.
POISON = b"poison"


class StubAnalyser:
    """Takes its time and finds every capture genuine."""

    is_ready = True

    def __init__(self) -> None:
        self._pause_s = pause_s()
        self._found = evidence()

    async def start(self) -> None:
        """Nothing to load."""

    async def inspect(self, capture: StoredCapture) -> tuple[QualityFinding, ...]:
        return ()

    async def analyse(self, capture: StoredCapture, policy: Policy) -> Evidence:
        await asyncio.sleep(self._pause_s)
        if POISON in (capture.folder / "frame_0000.jpg").read_bytes():
            os._exit(9)  # as the kernel would, short of memory
        return self._found

    def forget(self, capture_id: str) -> None:
        return

    async def close(self) -> None:
        """Nothing to stop."""


def pause_s() -> float:
    return float(os.environ.get("STUB_PAUSE_S", "0"))


def stub_analyser(settings: Settings) -> Analyser:
    if os.environ.get("STUB_POOLS") == "1":
        return LayerAnalyser(settings, tasks_for_load())
    return StubAnalyser()


def stub_api() -> FastAPI:
    """The application of one API process. It inspects, but analyses nothing: no children."""
    if "STUB_CLOCK" in os.environ and os.environ.get("BONAFIDE_API_PROCESSES", "1") != "1":
        _shift_clock(Path(os.environ["STUB_CLOCK"]))
    return api_app(StubAnalyser())


def _shift_clock(file: Path) -> None:
    """Let the time of day be off by as many seconds as `file` says at the moment."""
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + float(file.read_text() or 0)
    time.time_ns = lambda: real_ns() + 10**9 * int(file.read_text() or 0)


def main(role: str) -> None:
    die_with_parent()
    if "STUB_CLOCK" in os.environ:
        _shift_clock(Path(os.environ["STUB_CLOCK"]))
    settings = Settings()
    if role == "serve":
        serve_app(create_app(settings, stub_analyser(settings)), settings)
    elif role == "api":
        run_api(settings, "tests.chaos.process:stub_api")
    else:
        run_worker(settings, stub_analyser(settings))


if __name__ == "__main__":
    main(sys.argv[1])
