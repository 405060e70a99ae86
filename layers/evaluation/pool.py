"""Score many files in child processes: one that crashes or stalls its child costs only itself."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field

from pebble import ProcessExpired, ProcessPool

from layers.capture.errors import MediaError
from layers.evaluation.manifest import ManifestRow
from layers.evaluation.scoring import LayerScore, ScoredRow, Scorer, score_file
from layers.runner.tasks import ModelPaths, initialise_child
from verdict.evidence import LayerName
from verdict.policy import Policy

# Children inherit the environment, and maths libraries read these once, at import: the files
# already share the processors, more threads in each child only get in the way.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_FILES_PER_CHILD = 500  # a fresh child now and then: native decoders leak


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """How many files at a time, and how long one may take.

    Parameters
    ----------
    jobs
        Child processes; by default one per processor.
    scorer
        What a child does; a test hands in one that crashes.
    """

    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    file_timeout_s: float = 300.0
    models: ModelPaths = field(default_factory=ModelPaths)
    scorer: Scorer = score_file


def score_rows(
    layer: LayerName, rows: Sequence[ManifestRow], policy: Policy, settings: EvaluationSettings
) -> Iterator[ScoredRow]:
    """Yield a scored row for each row, in the manifest's order.

    A file that can't be read, crashes its child or takes too long is yielded without a score
    and with the reason.
    """
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    pool = ProcessPool(
        max_workers=max(1, min(settings.jobs, len(rows))),
        max_tasks=_FILES_PER_CHILD,
        initializer=initialise_child,
        context=multiprocessing.get_context("spawn"),
    )
    try:
        jobs = [
            pool.schedule(
                settings.scorer,
                args=(layer, row, policy, settings.models),
                timeout=settings.file_timeout_s,
            )
            for row in rows
        ]
        for row, job in zip(rows, jobs, strict=True):
            yield _outcome(row, job, settings.file_timeout_s)
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _outcome(row: ManifestRow, job: Future[LayerScore], limit_s: float) -> ScoredRow:
    try:
        return ScoredRow(row, job.result())
    except MediaError as error:
        return ScoredRow(row, None, f"{error.code}: {error}")
    except FutureTimeoutError:
        return ScoredRow(row, None, f"TIMED_OUT: stopped after {limit_s:g} s")
    except ProcessExpired as error:
        return ScoredRow(row, None, f"CRASHED: the process died with exit code {error.exitcode}")
    except Exception as error:
        # One odd file must not cost the figures of all others; it is counted and shown.
        return ScoredRow(row, None, f"FAILED: {type(error).__name__}: {error}")
