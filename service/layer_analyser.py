"""The real analyser: the layers in child processes, decoded once for inspection and analysis."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from layers.capture.types import Capture
from layers.runner import LayerRunner, MediaRequest, RunnerSettings
from layers.runner.tasks import ModelPaths, Tasks
from layers.voice.detector.combined import combination_in_force
from layers.voice.detector.errors import UncalibratedError
from layers.voice.detector.loading import DetectorFiles
from layers.voice.standing import limits_of_embedded, limits_of_recogniser, standing_in_force
from service.analyser import AnalyserBusyError, StoredCapture
from service.settings import Settings
from verdict.evidence import Evidence
from verdict.measurement import QualityFinding
from verdict.policy import Policy, load_policy

# What was decoded for inspection is analysed a moment later; more than a few would be memory
# for nothing. A capture that is not found here is decoded again, with the same outcome.
_KEPT_CAPTURES = 2
_KEPT_S = 120.0
# Inspections under way or waiting, for each decoding child. Clients give up after 30 s; a
# capture takes the decoder one to a few seconds.
_INSPECTIONS_PER_WORKER = 8

_LOG = logging.getLogger(__name__)
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


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
        self._policy: Policy | None = None
        self._ready = False
        self._decoded: OrderedDict[str, _Decoded] = OrderedDict()
        self._inspecting = 0
        self._most_inspections = _INSPECTIONS_PER_WORKER * settings.workers
        # Threads of its own to wait for the children in: those of the event loop, a handful,
        # would all stand still while captures are decoded, and uploads and the queue with them.
        self._waiting = ThreadPoolExecutor(
            self._most_inspections + settings.workers, thread_name_prefix="layers"
        )

    async def start(self) -> None:
        """Start the children and wait until their models are loaded."""
        self._runner = await asyncio.to_thread(self._new_runner)
        await asyncio.to_thread(self._runner.wait_until_warm)
        missing = await asyncio.to_thread(self._runner.limits_not_in_force)
        if missing:
            _LOG.warning("decoder limits not in force here: %s", ", ".join(missing))
        self._ready = True

    @property
    def is_ready(self) -> bool:
        """Whether the models are loaded."""
        return self._ready

    async def inspect(self, capture: StoredCapture) -> tuple[QualityFinding, ...]:
        """Decode in a child and return the capture's findings."""
        if self._inspecting >= self._most_inspections:
            raise AnalyserBusyError
        self._inspecting += 1
        try:
            decoded = await self._decode(capture)
        finally:
            self._inspecting -= 1
        findings = decoded.capture.findings
        if not any(finding.refuses for finding in findings):
            self._decoded[capture.id] = decoded
            # Where another process analyses it, nobody asks for it here again.
            asyncio.get_running_loop().call_later(_KEPT_S, self.forget, capture.id)
        while len(self._decoded) > _KEPT_CAPTURES:
            self._decoded.popitem(last=False)
        return findings

    async def analyse(self, capture: StoredCapture, policy: Policy) -> Evidence:
        """Run the three layers side by side."""
        decoded = self._decoded.pop(capture.id, None) or await self._decode(capture)
        analysis = await self._wait_for(
            self._running.analyse_capture, decoded.capture, policy, decoded.took_ms
        )
        return analysis.evidence

    def forget(self, capture_id: str) -> None:
        """Drop a capture that was decoded for inspection."""
        self._decoded.pop(capture_id, None)

    async def close(self) -> None:
        """Stop the children."""
        self._ready = False
        self._decoded.clear()
        if self._runner is not None:
            await asyncio.to_thread(self._runner.close)
        self._waiting.shutdown(wait=False, cancel_futures=True)

    @property
    def _running(self) -> LayerRunner:
        if self._runner is None:
            msg = "the analyser is not started"
            raise RuntimeError(msg)
        return self._runner

    async def _decode(self, capture: StoredCapture) -> _Decoded:
        begin = time.perf_counter()
        request = replace(media_request(capture), policy=self._policy)
        decoded = await self._wait_for(self._running.decode, request)
        return _Decoded(decoded, 1000 * (time.perf_counter() - begin))

    async def _wait_for(
        self,
        call: Callable[_Arguments, _Result],
        *args: _Arguments.args,
        **kwargs: _Arguments.kwargs,
    ) -> _Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._waiting, partial(call, *args, **kwargs))

    def _new_runner(self) -> LayerRunner:
        policy = load_policy(self._settings.policy_file)
        report_voice_detector(policy, self._settings)
        report_recogniser(self._settings)
        self._policy = policy
        return LayerRunner(runner_settings(self._settings, policy), self._tasks)


def runner_settings(settings: Settings, policy: Policy) -> RunnerSettings:
    """Return how this deployment runs the layers."""
    return RunnerSettings(
        workers=settings.workers,
        capture_timeout_s=settings.capture_timeout_s,
        layer_timeout_s=settings.layer_timeout_s,
        decoder_memory_bytes=settings.decoder_memory_bytes,
        layer_memory_bytes=settings.layer_memory_bytes,
        decoder_cpu_s=settings.decoder_cpu_s,
        models=model_paths(settings, policy),
    )


def model_paths(settings: Settings, policy: Policy) -> ModelPaths:
    """Return where the weights lie, and which detectors to load at once."""
    in_force = combination_in_force(policy)
    return ModelPaths(
        settings.whisper_checkpoint,
        settings.models_folder,
        settings.voice_model_folder,
        settings.voice_bona_fide_label,
        tuple(member.name for member in in_force.members),
    )


def report_voice_detector(policy: Policy, settings: Settings) -> None:
    """Log which voice detector decides and what it can't catch.

    Raises
    ------
    RuntimeError
        When it can't decide: files missing, or a calibration made with other weights.
    """
    standing = standing_in_force(policy, detector_files(settings))
    if standing.problem:
        raise UncalibratedError(standing.problem)
    _LOG.info("voice detector in force: %s, %s", standing.name, standing.state)
    if limits := limits_of_embedded(policy):
        _LOG.warning("%s", limits)


def report_recogniser(settings: Settings) -> None:
    """Log what the bundled recogniser misses, where it hears the phrases."""
    if limits := limits_of_recogniser(settings.whisper_checkpoint):
        _LOG.warning("%s", limits)


def detector_files(settings: Settings) -> DetectorFiles:
    """Return where this deployment keeps voice detectors."""
    return DetectorFiles(
        settings.models_folder, settings.voice_model_folder, settings.voice_bona_fide_label
    )


def media_request(capture: StoredCapture) -> MediaRequest:
    """Return what the layers need to decode a capture folder."""
    video = _only(capture.folder, "video.*")
    if video is None:
        return MediaRequest(
            frames=capture.folder,
            challenge=capture.challenge,
            received_s=(capture.received_s,),
            open_s=capture.open_s,
        )
    audio = _only(capture.folder, "audio.*")
    return MediaRequest(
        video=video,
        audio=audio,
        audio_start_s=capture.audio_start_s,
        client_time_s=capture.client_time_s,
        challenge=capture.challenge,
        received_s=(capture.received_s,),
        device=capture.device,
    )


def _only(folder: Path, pattern: str) -> Path | None:
    return next(iter(sorted(folder.glob(pattern))), None)
