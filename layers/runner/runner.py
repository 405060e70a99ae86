"""The runner: one small pool per stage, a time limit on each, a dead child harms only its task."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from layers.capture.types import Capture, MediaKind
from layers.runner.confinement import not_in_force, within_cpu_time
from layers.runner.decoded import decoded
from layers.runner.request import MediaRequest
from layers.runner.tasks import ModelPaths, Tasks, initialise_confined
from layers.runner.voice_task import voice_reading
from verdict.evidence import Evidence, FailureKind, LayerName, NotExecuted
from verdict.policy import Policy

if TYPE_CHECKING:
    from layers.voice.speaker.reading import VoiceReading

_Result = TypeVar("_Result")

# Children are fresh interpreters that inherit the environment; maths libraries read these once,
# at import. Four stages already share the cores: more threads in each only get in the way.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
}
_DECODER = "capture"
_STAGES = (_DECODER, *LayerName)
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How many children, and how long each stage may take.

    Parameters
    ----------
    workers
        Children per stage.
    decoder_memory_bytes, layer_memory_bytes
        How much data of its own a child may have: the one that decodes, and those of the layers.
    decoder_cpu_s
        How long a decode may compute, all threads together; below `capture_timeout_s`, so that
        endless work on one capture is told from a machine with too much to do.
    """

    workers: int = 1
    capture_timeout_s: float = 120.0
    layer_timeout_s: float = 30.0
    decoder_memory_bytes: int = 2 * _GIB
    layer_memory_bytes: int = 8 * _GIB
    decoder_cpu_s: float = 90.0
    models: ModelPaths = field(default_factory=ModelPaths)


@dataclass(frozen=True, slots=True)
class Analysis:
    """The capture (without its pixels unless asked for) and what the layers say of it."""

    capture: Capture
    evidence: Evidence


class LayerRunner:
    """Runs decode and the three layers in child processes. Thread-safe.

    Use as a context manager, or call `close`. Children start at once and stay warm.
    """

    def __init__(self, settings: RunnerSettings | None = None, tasks: Tasks | None = None) -> None:
        self._settings = settings or RunnerSettings()
        self._tasks = tasks or Tasks()
        self._pools = {stage: self._new_pool(stage) for stage in _STAGES}
        self._warming = [
            _schedule(self._pools[stage], self._tasks.warm, (stage, self._settings.models))
            for stage in _STAGES
        ]

    def wait_until_warm(self, timeout_s: float = 120.0) -> None:
        """Return when every child has loaded its models.

        Raises
        ------
        RuntimeError
            When a child can't: the installation is broken, and the message says where.
        """
        deadline = time.monotonic() + timeout_s
        for stage, future in zip(_STAGES, self._warming, strict=True):
            try:
                future.result(timeout=max(0.1, deadline - time.monotonic()))
            except Exception as error:
                msg = f"the {stage} stage can't start: {error}"
                raise RuntimeError(msg) from error

    @property
    def warm(self) -> bool:
        """Whether every child has loaded its models."""
        return all(future.done() and future.exception() is None for future in self._warming)

    def decode(self, request: MediaRequest) -> Capture:
        """Decode and track in a child.

        Raises
        ------
        MediaError
            When the media can't be used, also when it crashes the decoder or needs more memory
            or computing than it may; `DecodeTimeoutError` when it took too long.
        """
        limit_s = self._settings.capture_timeout_s
        arguments = (self._settings.decoder_cpu_s, self._tasks.decode, request)
        future: Future[Capture] = _schedule(
            self._pools[_DECODER], within_cpu_time, arguments, limit_s
        )
        return decoded(future, limit_s)

    def limits_not_in_force(self) -> tuple[str, ...]:
        """Return which limits of the decoding child this system does not have."""
        return _schedule(self._pools[_DECODER], not_in_force, ()).result()

    def analyse(self, request: MediaRequest, policy: Policy) -> Analysis:
        """Decode, then run the three layers side by side.

        Raises
        ------
        MediaError
            When the media can't be used. A layer that fails never raises: it is reported as
            not executed.
        """
        start = time.perf_counter()
        capture = self.decode(replace(request, policy=request.policy or policy))
        return self.analyse_capture(capture, policy, 1000 * (time.perf_counter() - start))

    def analyse_capture(self, capture: Capture, policy: Policy, capture_ms: float) -> Analysis:
        """Run the three layers on a capture that is already decoded."""
        bare = capture.without_images()
        if capture.source.kind is MediaKind.AUDIO:
            return self._sound_only(capture, policy, capture_ms)
        jobs: dict[LayerName, Future[tuple[Any, float]]] = {
            LayerName.VISION: self._layer(LayerName.VISION, self._tasks.vision, capture, policy),
            LayerName.VOICE: self._layer(LayerName.VOICE, self._tasks.voice, bare, policy),
            LayerName.LIVENESS: self._layer(LayerName.LIVENESS, self._tasks.liveness, bare, policy),
        }
        results: dict[LayerName, Any] = {}
        timings_ms = {"capture": capture_ms}
        for layer, job in jobs.items():
            results[layer], timings_ms[str(layer)] = self._collect(layer, job)
        evidence = Evidence(
            liveness=results[LayerName.LIVENESS],
            vision=results[LayerName.VISION],
            voice=results[LayerName.VOICE],
            findings=capture.findings,
            timings_ms=timings_ms,
        )
        return Analysis(capture, evidence)

    def _sound_only(self, capture: Capture, policy: Policy, capture_ms: float) -> Analysis:
        """Run the voice layer alone: where no picture was sent, none was found wanting."""
        job = self._layer(LayerName.VOICE, self._tasks.voice, capture, policy)
        voice, voice_ms = self._collect(LayerName.VOICE, job)
        detail = "the media has no pictures"
        evidence = Evidence(
            liveness=NotExecuted(LayerName.LIVENESS, FailureKind.NO_INPUT, detail),
            vision=NotExecuted(LayerName.VISION, FailureKind.NO_INPUT, detail),
            voice=voice,
            findings=capture.findings,
            timings_ms={"capture": capture_ms, "voice": voice_ms},
        )
        return Analysis(capture, evidence)

    def read_voice(self, capture: Capture, policy: Policy) -> VoiceReading:
        """Read one recording in the voice child; raises TimeoutError, or what ended it."""
        arguments = (capture, policy, self._settings.models)
        limit_s = self._settings.layer_timeout_s
        return _schedule(self._pools[LayerName.VOICE], voice_reading, arguments, limit_s).result()

    def close(self) -> None:
        """Stop every child."""
        for pool in self._pools.values():
            pool.stop()  # type: ignore[no-untyped-call]
        for pool in self._pools.values():
            pool.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _new_pool(self, stage: str) -> ProcessPool:
        settings, decodes = self._settings, stage == _DECODER
        memory = settings.decoder_memory_bytes if decodes else settings.layer_memory_bytes
        os.environ.update({name: os.environ.get(name, one) for name, one in _ONE_THREAD.items()})
        return ProcessPool(
            max_workers=self._settings.workers,
            initializer=initialise_confined,
            initargs=(memory, not decodes),
            context=multiprocessing.get_context("spawn"),
        )

    def _layer(
        self,
        layer: LayerName,
        function: Callable[[Capture, Policy, ModelPaths], Any],
        capture: Capture,
        policy: Policy,
    ) -> Future[tuple[Any, float]]:
        arguments = (function, capture, policy, self._settings.models)
        limit_s = self._settings.layer_timeout_s
        return _schedule(self._pools[layer], _timed, arguments, limit_s)

    def _collect(self, layer: LayerName, job: Future[tuple[Any, float]]) -> tuple[Any, float]:
        limit_s = self._settings.layer_timeout_s
        try:
            return job.result()
        except FutureTimeoutError:
            detail = f"stopped after {limit_s:g} s"
            return NotExecuted(layer, FailureKind.TIMED_OUT, detail), 1000 * limit_s
        except ProcessExpired as error:
            detail = f"the process died with exit code {error.exitcode}"
            return NotExecuted(layer, FailureKind.CRASHED, detail), float("nan")
        except Exception as error:
            # Only the type goes on: a message could carry words or paths of the session.
            return NotExecuted(layer, FailureKind.CRASHED, type(error).__name__), float("nan")


def _schedule(
    pool: ProcessPool,
    function: Callable[..., _Result],
    arguments: tuple[Any, ...],
    timeout_s: float | None = None,
) -> Future[_Result]:
    future: Future[_Result] = pool.schedule(function, args=arguments, timeout=timeout_s)
    return future


def _timed(
    function: Callable[[Capture, Policy, ModelPaths], _Result],
    capture: Capture,
    policy: Policy,
    models: ModelPaths,
) -> tuple[_Result, float]:
    start = time.perf_counter()
    result = function(capture, policy, models)
    return result, 1000 * (time.perf_counter() - start)
