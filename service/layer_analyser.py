"""The real analyser: the layers in child processes, decoded once for inspection and analysis."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from layers.capture.types import Capture
from layers.runner import LayerRunner, MediaRequest, RunnerSettings
from layers.runner.tasks import ModelPaths, Tasks
from service.analyser import StoredCapture
from service.settings import Settings
from verdict.evidence import Evidence, QualityFinding
from verdict.policy import Policy

# What was decoded for inspection is analysed a moment later; more than a few would be memory
# for nothing. A capture that is not found here is decoded again, with the same outcome.
_KEPT_CAPTURES = 2


@dataclass(frozen=True, slots=True)
class _Decoded:
    capture: Capture
    took_ms: float


class LayerAnalyser:
    """Implements `Analyser` over `LayerRunner`.

    Parameters
    ----------
    tasks
        What the children run; the real layers when not given.
    """

    def __init__(self, settings: Settings, tasks: Tasks | None = None) -> None:
        self._settings = settings
        self._tasks = tasks
        self._runner: LayerRunner | None = None
        self._ready = False
        self._decoded: OrderedDict[str, _Decoded] = OrderedDict()

    async def start(self) -> None:
        """Start the children and wait until their models are loaded."""
        self._runner = await asyncio.to_thread(self._new_runner)
        await asyncio.to_thread(self._runner.wait_until_warm)
        self._ready = True

    @property
    def is_ready(self) -> bool:
        """Whether the models are loaded."""
        return self._ready

    async def inspect(self, capture: StoredCapture) -> tuple[QualityFinding, ...]:
        """Decode in a child and return the capture's findings."""
        decoded = await self._decode(capture)
        findings = decoded.capture.findings
        if not any(finding.refuses for finding in findings):
            self._decoded[capture.id] = decoded
        while len(self._decoded) > _KEPT_CAPTURES:
            self._decoded.popitem(last=False)
        return findings

    async def analyse(self, capture: StoredCapture, policy: Policy) -> Evidence:
        """Run the three layers side by side."""
        decoded = self._decoded.pop(capture.id, None) or await self._decode(capture)
        analysis = await asyncio.to_thread(
            self._running.analyse_capture, decoded.capture, policy, decoded.took_ms
        )
        return analysis.evidence

    async def close(self) -> None:
        """Stop the children."""
        self._ready = False
        self._decoded.clear()
        if self._runner is not None:
            await asyncio.to_thread(self._runner.close)

    @property
    def _running(self) -> LayerRunner:
        if self._runner is None:
            msg = "the analyser is not started"
            raise RuntimeError(msg)
        return self._runner

    async def _decode(self, capture: StoredCapture) -> _Decoded:
        begin = time.perf_counter()
        decoded = await asyncio.to_thread(self._running.decode, media_request(capture))
        return _Decoded(decoded, 1000 * (time.perf_counter() - begin))

    def _new_runner(self) -> LayerRunner:
        settings = self._settings
        return LayerRunner(
            RunnerSettings(
                workers=settings.workers,
                capture_timeout_s=settings.capture_timeout_s,
                layer_timeout_s=settings.layer_timeout_s,
                models=ModelPaths(settings.whisper_checkpoint, settings.models_folder),
            ),
            self._tasks,
        )


def media_request(capture: StoredCapture) -> MediaRequest:
    """Return what the layers need to decode a capture folder."""
    video = _only(capture.folder, "video.*")
    if video is None:
        return MediaRequest(
            frames=capture.folder, challenge=capture.challenge, received_s=(capture.received_s,)
        )
    audio = _only(capture.folder, "audio.*")
    return MediaRequest(
        video=video,
        audio=audio,
        challenge=capture.challenge,
        received_s=(capture.received_s,),
    )


def _only(folder: Path, pattern: str) -> Path | None:
    return next(iter(sorted(folder.glob(pattern))), None)
