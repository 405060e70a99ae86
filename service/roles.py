"""The parts of one process, by the role that it plays, made in order and taken down in the other.

embedded   everything in one process (`bonafide serve`), one per data folder and database
api        takes requests and queues; any number (`bonafide api`)
worker     analyses and delivers; any number, each in a slot of its own (`bonafide worker`)
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import psycopg

from layers.runner.confinement import forget_secrets
from service.analyser import Analyser
from service.captures.slots import UploadSlots
from service.captures.storage import sweep_scratch
from service.context import Context
from service.data_lock import DataLock
from service.database import Database, is_sqlite
from service.jobs.durable import DurableRunner, QueueingRunner
from service.jobs.engine import EMBEDDED
from service.jobs.port import JobRunner
from service.jobs.slots import Slot, SlotLostError
from service.left_behind import keep_swept
from service.limits.limiter import open_limiter
from service.media.adopt import seal_plain_captures
from service.media.keys import MasterKeyError
from service.media.vault import MediaVault
from service.metrics.expose import exposed
from service.settings import Settings
from service.signing import load_signer
from service.tracing import use_tracing
from service.voice.port import VoiceEar
from service.webhooks.desk import WebhookDesk, new_deliverer, open_desk
from service.webhooks.in_process import InProcessDeliveries
from verdict.policy import Policy

if TYPE_CHECKING:
    from service.voice.layer_ear import ListeningAnalyser

_LOG = logging.getLogger(__name__)
_SLOT_EVERY_S = 2.0
_OF_THE_DATABASE = ("PG",)  # its client reads them for each connection


class Role(StrEnum):
    """What a process does."""

    EMBEDDED = "embedded"
    API = "api"
    WORKER = "worker"


class BoundRunner(JobRunner, Protocol):
    """A runner as the start-up sees it."""

    def bind(self, context: Context) -> None:
        """Give it the parts that it works with, which in turn hold the runner."""


class RoleError(ValueError):
    """The deployment's settings don't allow this role."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a role is made of.

    Parameters
    ----------
    listening
        The real analyser where it was made here: it is also the ear of the voice endpoints.
    """

    context: Context
    listening: VoiceEar | None
    webhooks: WebhookDesk


async def open_parts(
    settings: Settings,
    policy: Policy,
    role: Role,
    stack: AsyncExitStack,
    *,
    analyser: Analyser | None = None,
    jobs: BoundRunner | None = None,
) -> Parts:
    """Make the parts of a role; `stack` takes them down.

    Parameters
    ----------
    analyser, jobs
        What stands for the layers and for the durable runner; the real ones when not given.

    Raises
    ------
    RoleError, DataFolderInUseError, NoSlotError, DatabaseNotReadyError
        When another process is in the way, or the deployment is not prepared.
    """
    check_role(settings, role)
    use_tracing(wanted=settings.tracing)
    if settings.environment == "test":
        _LOG.warning("test mode: outcomes can be ordered, nothing here is real")
    if role is Role.EMBEDDED:
        lock = DataLock(settings.data_dir)
        lock.acquire()
        stack.callback(lock.release)
    database = Database(settings)
    stack.callback(database.close)
    media = await asyncio.to_thread(_prepare, settings, database, role)
    await asyncio.to_thread(_warn_of_another_key, media, database)
    slot = await asyncio.to_thread(_slot, settings, role, stack) if jobs is None else None
    listening: ListeningAnalyser | None = None
    if analyser is None:
        # All that is configured has been read, and what starts children hands them what is left.
        forget_secrets(but=_OF_THE_DATABASE)
        analyser = listening = _real_analyser(settings)
    stack.push_async_callback(analyser.close)
    runner = jobs or _runner(settings, role, slot)
    uploads = UploadSlots(settings.max_uploads)
    signer = load_signer(settings)
    limits = open_limiter(settings, database, signer, shared=role is Role.API)
    context = Context(settings, database, signer, policy, analyser, runner, uploads, limits, media)
    warming = asyncio.create_task(_warm(analyser))
    stack.push_async_callback(end_task, warming)
    webhooks = await _open_webhooks(context, runner, stack)
    runner.bind(context)
    stack.push_async_callback(runner.stop)
    await runner.start()
    if role is Role.API:  # the upkeep of the others does it
        stack.push_async_callback(end_task, asyncio.create_task(keep_swept(settings)))
    stack.enter_context(exposed(settings, database, role))
    if slot is not None:
        stack.push_async_callback(end_task, asyncio.create_task(_watch_slot(slot)))
    return Parts(context, listening, webhooks)


def check_role(settings: Settings, role: Role) -> None:
    """Raise where the settings don't allow `role`.

    Raises
    ------
    RoleError
        When processes are to share SQLite.
    """
    if role is not Role.EMBEDDED and is_sqlite(settings):
        msg = (
            f"`bonafide {role}` needs PostgreSQL: set BONAFIDE_DATABASE_URL, "
            "or run everything in one process with `bonafide serve`"
        )
        raise RoleError(msg)


def _prepare(settings: Settings, database: Database, role: Role) -> MediaVault:
    if role is not Role.EMBEDDED:
        # Others are at work in the same folder and tables: nothing is made or swept here.
        database.check()
        return MediaVault(settings)
    database.create()
    sweep_scratch(settings)
    media = MediaVault(settings)
    seal_plain_captures(settings, database, media)
    orphans = media.sweep(database)
    if orphans:
        _LOG.warning("removed captures that were never acknowledged", extra={"count": orphans})
    return media


def _warn_of_another_key(media: MediaVault, database: Database) -> None:
    try:
        media.check_key(database)
    except MasterKeyError as error:
        _LOG.error("media of before can't be read: %s", error)


def _slot(settings: Settings, role: Role, stack: AsyncExitStack) -> Slot | None:
    if role is Role.API or is_sqlite(settings):
        return None
    slot = Slot(settings)
    slot.take(embedded=role is Role.EMBEDDED)
    stack.callback(slot.release)
    return slot


def _runner(settings: Settings, role: Role, slot: Slot | None) -> BoundRunner:
    if role is Role.API:
        return QueueingRunner(settings)
    return DurableRunner(settings, EMBEDDED if slot is None else slot.executor_id)


async def _open_webhooks(
    context: Context, runner: BoundRunner, stack: AsyncExitStack
) -> WebhookDesk:
    """Let events of this process queue their deliveries, and a worker make them."""
    if isinstance(runner, QueueingRunner):
        desk = open_desk(context, runner)
        if isinstance(runner, DurableRunner):
            runner.deliver_with(new_deliverer(replace(desk, database=runner.database)))
        return desk
    queue = InProcessDeliveries(context.database, context.settings)
    desk = open_desk(context, queue)
    stack.push_async_callback(queue.stop)
    await queue.start(new_deliverer(desk))
    return desk


def _real_analyser(settings: Settings) -> ListeningAnalyser:
    # Imported here: with another analyser the media libraries are not needed at all.
    from service.voice.layer_ear import ListeningAnalyser

    return ListeningAnalyser(settings)


async def _warm(analyser: Analyser) -> None:
    """Load the models beside the start-up: /readyz says when they are there."""
    try:
        await analyser.start()
    except Exception:
        _LOG.exception("the models can't be loaded; see `bonafide models`")


async def _watch_slot(slot: Slot) -> None:
    """Keep the slot; where it is lost, end this process in order: another works under its id."""
    while True:
        await asyncio.sleep(_SLOT_EVERY_S)
        try:
            await asyncio.to_thread(slot.hold)
        except SlotLostError:
            _LOG.error("the slot was lost, stopping", extra={"slot": slot.number})
            signal.raise_signal(signal.SIGTERM)
            return
        except psycopg.OperationalError as error:
            _LOG.error("slot not reached", extra={"error": type(error).__name__})


async def end_task(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait until it has ended."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
