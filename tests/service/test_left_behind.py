"""Media in plain of processes that were killed goes by age, whatever role the next ones have."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from service.captures.storage import new_scratch
from service.roles import Role, open_parts
from service.server import migrate
from service.settings import Settings
from service.voice.listening import folder_of
from tests.service.postgres import PostgresServer
from tests.service.service_builders import BuilderAnalyser, settings_in
from verdict.policy import load_policy


def _left(settings: Settings, name: str, *, old: bool) -> list[Path]:
    """Leave a recording and a capture behind."""
    sound = folder_of(settings, name)
    sound.mkdir(parents=True)
    folders = [sound, new_scratch(settings, name)]
    for folder in folders:
        (folder / "voice_data.wav").write_bytes(b"x")
        if old:
            os.utime(folder, (1, 1))
    return folders


async def _run_until_gone(settings: Settings, role: Role, folders: list[Path]) -> None:
    async with AsyncExitStack() as stack:
        policy = load_policy(None)
        await open_parts(settings, policy, role, stack, analyser=BuilderAnalyser())
        for _ in range(300):
            if not any(folder.exists() for folder in folders):
                return
            await asyncio.sleep(0.05)
        pytest.fail("it is still there")


@pytest.mark.parametrize("role", [Role.API, Role.WORKER])
def test_what_a_killed_process_left_goes(
    tmp_path: Path, postgres: PostgresServer, role: Role
) -> None:
    settings = settings_in(tmp_path, database_url=postgres.new_database())
    migrate(settings)
    left = _left(settings, "old", old=True)
    at_work = _left(settings, "young", old=False)
    asyncio.run(_run_until_gone(settings, role, left))
    assert all(folder.exists() for folder in at_work)
