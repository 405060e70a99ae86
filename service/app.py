"""The application: parts made at start-up, drained at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from service.analyser import Analyser
from service.api import audit, captures, erasures, health, keys, media, sessions, voice, webhooks
from service.api.limited import GUESSES
from service.api.middleware import RequestFrame
from service.api.nul import NoNul
from service.api.openapi import use_openapi
from service.api.page import mount_page
from service.api.problems import add_problem_handlers
from service.challenge import recipe_of_settings
from service.context import Context
from service.readiness import Readiness, draining_first
from service.roles import BoundRunner, Role, end_task, open_parts
from service.settings import Settings
from service.voice.cipher import load_cipher
from service.voice.desk import VoiceDesk
from service.voice.port import VoiceEar
from service.voice.voiceprints import warn_of_other_keys
from service.voice.work import interrupted, resume
from verdict.policy import load_policy

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

# The framework's own spans hold paths and queries, which hold capture tokens and signatures of
# media links; ours (service/tracing.py) don't.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}


def create_app(
    settings: Settings | None = None,
    analyser: Analyser | None = None,
    ear: VoiceEar | None = None,
    *,
    role: Role = Role.EMBEDDED,
    jobs: BoundRunner | None = None,
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
    role
        Whether this process also does the work that it queues.
    jobs
        What stands for the durable runner, of which a process can have only one.

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
            parts = await open_parts(chosen, policy, role, stack, analyser=analyser, jobs=jobs)
            app.state.context, app.state.webhooks = parts.context, parts.webhooks
            app.state.voice = await _open_desk(
                parts.context, ear or parts.listening, stack, resumes=role is Role.EMBEDDED
            )
            readiness = app.state.readiness = Readiness(parts.context)
            stack.callback(readiness.close)
            stack.enter_context(draining_first(readiness, chosen.drain_delay_s))
            yield

    app = FastAPI(
        title="Bonafide", lifespan=lifespan, docs_url=None, redoc_url=None, telemetry=_NO_TELEMETRY
    )
    for part in (sessions, erasures, voice, webhooks, keys, audit, health):
        app.include_router(part.router)
    for part in (captures, media):  # opened by what can be guessed at, not by a key
        app.include_router(part.router, dependencies=[GUESSES])
    mount_page(app)
    add_problem_handlers(app)
    use_openapi(app)
    app.add_middleware(NoNul)
    app.add_middleware(
        RequestFrame,
        max_body_bytes=chosen.max_json_bytes,
        streaming_prefix="/v1/captures/",
        is_test=chosen.environment == "test",
        is_https=chosen.effective_public_url.startswith("https://"),
        larger_bodies={"/v1/voice/": chosen.max_voice_bytes},
    )
    return app


async def _open_desk(
    context: Context, ear: VoiceEar | None, stack: AsyncExitStack, *, resumes: bool
) -> VoiceDesk:
    desk = VoiceDesk(context, ear, load_cipher(context.settings))
    await asyncio.to_thread(warn_of_other_keys, context.database, desk.cipher)
    stack.push_async_callback(desk.stop)
    if not resumes:
        return desk  # what is under way may be another process's
    waiting = await asyncio.to_thread(interrupted, desk)
    resuming = asyncio.create_task(resume(desk, waiting))
    stack.push_async_callback(end_task, resuming)
    return desk
