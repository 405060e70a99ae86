"""The application: parts made at start-up, drained at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from sqlmodel import select

from service.analyser import Analyser
from service.api import captures, health, media, sessions, voice
from service.api.middleware import RequestFrame
from service.api.openapi import use_openapi
from service.api.page import mount_page
from service.api.problems import add_problem_handlers
from service.captures.slots import UploadSlots
from service.captures.storage import sweep_orphans, sweep_staging
from service.challenge import recipe_of_settings
from service.context import Context
from service.data_lock import DataLock
from service.database import Database
from service.jobs.in_process import InProcessRunner
from service.settings import Settings
from service.signing import load_signer
from service.tables import CaptureRow
from service.voice.cipher import load_cipher
from service.voice.desk import VoiceDesk
from service.voice.port import VoiceEar
from service.voice.voiceprints import warn_of_other_keys
from service.voice.work import interrupted, resume
from verdict.policy import Policy, load_policy

if TYPE_CHECKING:
    from service.voice.layer_ear import ListeningAnalyser

_LOG = logging.getLogger(__name__)


def create_app(
    settings: Settings | None = None,
    analyser: Analyser | None = None,
    ear: VoiceEar | None = None,
) -> FastAPI:
    """Return the ASGI application.

    Parameters
    ----------
    settings
        Read from the environment when not given.
    analyser
        What stands for the layers; the real ones when not given.
    ear
        What stands for them in the voice endpoints; goes with `analyser`.

    Raises
    ------
    verdict.policy.PolicyError
        When the policy file can't be used.
    service.challenge.ChallengeError
        When the settings ask for a phrase that the recogniser can't hear.
    """
    chosen = settings or Settings()
    policy = load_policy(chosen.policy_file)
    recipe_of_settings(chosen).check(has_whisper=chosen.whisper_checkpoint is not None)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.context, listening = await _start(chosen, policy, analyser, stack)
            app.state.voice = await _open_desk(app.state.context, ear or listening, stack)
            yield

    app = FastAPI(title="Bonafide", lifespan=lifespan, docs_url=None, redoc_url=None)
    for part in (sessions, captures, media, voice, health):
        app.include_router(part.router)
    mount_page(app)
    add_problem_handlers(app)
    use_openapi(app)
    app.add_middleware(
        RequestFrame,
        max_body_bytes=chosen.max_json_bytes,
        streaming_prefix="/v1/captures/",
        is_https=chosen.effective_public_url.startswith("https://"),
        larger_bodies={"/v1/voice/": chosen.max_voice_bytes},
    )
    return app


async def _start(
    settings: Settings, policy: Policy, analyser: Analyser | None, stack: AsyncExitStack
) -> tuple[Context, VoiceEar | None]:
    """Make the parts in order; the stack takes them down in the opposite one."""
    lock = DataLock(settings.data_dir)
    lock.acquire()
    stack.callback(lock.release)
    database = Database(settings)
    stack.callback(database.close)
    await asyncio.to_thread(_prepare_storage, settings, database)
    listening: ListeningAnalyser | None = None
    if analyser is None:
        analyser = listening = _real_analyser(settings)
    stack.push_async_callback(analyser.close)
    jobs = InProcessRunner()
    uploads = UploadSlots(settings.max_uploads)
    context = Context(settings, database, load_signer(settings), policy, analyser, jobs, uploads)
    jobs.bind(context)
    warming = asyncio.create_task(_warm(analyser))
    stack.push_async_callback(_end, warming)
    await jobs.start()
    stack.push_async_callback(jobs.stop)
    return context, listening


async def _open_desk(context: Context, ear: VoiceEar | None, stack: AsyncExitStack) -> VoiceDesk:
    desk = VoiceDesk(context, ear, load_cipher(context.settings))
    await asyncio.to_thread(warn_of_other_keys, context.database, desk.cipher)
    stack.push_async_callback(desk.stop)
    waiting = await asyncio.to_thread(interrupted, desk)
    resuming = asyncio.create_task(resume(desk, waiting))
    stack.push_async_callback(_end, resuming)
    return desk


def _real_analyser(settings: Settings) -> ListeningAnalyser:
    # Imported here: with another analyser the media libraries are not needed at all.
    from service.voice.layer_ear import ListeningAnalyser

    return ListeningAnalyser(settings)


def _prepare_storage(settings: Settings, database: Database) -> None:
    database.create()
    sweep_staging(settings)
    with database.read() as db:
        known = frozenset(db.exec(select(CaptureRow.id)).all())
    orphans = sweep_orphans(settings, known)
    if orphans:
        _LOG.warning("removed captures that were never acknowledged", extra={"count": orphans})


async def _warm(analyser: Analyser) -> None:
    """Load the models beside the start-up: /readyz says when they are there."""
    try:
        await analyser.start()
    except Exception:
        _LOG.exception("the models can't be loaded; see `bonafide models`")


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
