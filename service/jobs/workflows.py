"""The workflows by the names that the engine keeps. They only call what is bound to this process.

The engine is one per process, so what its workflows work with is, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager

from dbos import DBOS

from service.jobs.engine import ANALYSE, DELIVER
from service.jobs.work import Work

_bound: list[Work] = []


def bind(work: Work) -> None:
    """Let the workflows of this process work with `work`."""
    _bound[:] = [work]


def unbind() -> None:
    """Forget what was bound, after the engine has stopped."""
    _bound.clear()


@DBOS.workflow(name=ANALYSE)
async def analyse(attempt_id: str, dispatch: int) -> None:
    """One job of one attempt: three layers, one verdict."""
    with _under_way():
        await _analyse(attempt_id, dispatch)


@DBOS.workflow(name=DELIVER)
async def deliver(delivery_id: str, number: int, tenant: str) -> None:
    """One attempt of one delivery; the next is a workflow of its own, so none sleeps for days."""
    with _under_way():
        await _deliver(delivery_id, number, tenant)


@DBOS.step(name=ANALYSE, preemptible=True)
async def _analyse(attempt_id: str, dispatch: int) -> None:
    await _on_loop(_bound[0].analyse(attempt_id, dispatch))


@DBOS.step(name=DELIVER, preemptible=True)
async def _deliver(delivery_id: str, number: int, tenant: str) -> None:
    await _on_loop(_bound[0].deliver(delivery_id, number, tenant))


@contextmanager
def _under_way() -> Iterator[None]:
    """Show the reconciler that somebody is at this workflow."""
    workflow_id = DBOS.workflow_id
    if workflow_id is None:
        msg = "a workflow runs under an id"
        raise RuntimeError(msg)
    under_way = _bound[0].under_way
    under_way.add(workflow_id)
    try:
        yield
    finally:
        under_way.discard(workflow_id)


async def _on_loop(job: Coroutine[object, object, None]) -> None:
    """Run on the service's loop and wait for it on the engine's; a cancellation goes through."""
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(job, _bound[0].loop))
