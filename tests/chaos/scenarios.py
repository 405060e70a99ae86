"""What can happen to a deployment while sessions come in."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.applicants import Client
from tests.chaos.deployment import Deployment
from tests.chaos.process import POISON
from tests.service.postgres import PostgresServer
from tests.service.service_builders import JPEG

_AWAY_S = 10.0
_FULL_S = 8.0
_SMALL_MIB = 48
Notes = dict[str, object]


@dataclass(frozen=True, slots=True)
class Scene:
    """A running deployment, and the thread that sends sessions to it."""

    deployment: Deployment
    key: str
    server: PostgresServer | None
    chance: random.Random
    kills: int
    sending: threading.Thread


@contextmanager
def _plain_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bonafide-chaos-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _small_disk() -> Iterator[Path]:
    """A file system of its own that is soon full; needs root."""
    with _plain_folder() as folder:
        size = f"size={_SMALL_MIB}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def _nothing(_folder: Path) -> dict[str, str]:
    return {}


def _own_clock(folder: Path) -> dict[str, str]:
    (folder / "clock").write_text("0")
    return {"STUB_CLOCK": str(folder / "clock")}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A course of events, and what has to be laid out before it."""

    play: Callable[[Scene], Notes]
    folder: Callable[[], AbstractContextManager[Path]] = _plain_folder
    variables: Callable[[Path], dict[str, str]] = _nothing


def _kills(scene: Scene) -> Notes:
    """Kill processes at random moments while sessions come in and until all kills are done."""
    victims = []
    for _ in range(scene.kills):
        time.sleep(scene.chance.uniform(0.5, 4))
        victims.append(scene.deployment.kill_one(scene.chance))
    return {"killed": victims}


def _lost_slot(scene: Scene) -> Notes:
    """Kill one worker amid its work and never start it again."""
    time.sleep(3)
    victim = scene.deployment.processes[-1]
    victim.kill()
    scene.deployment.processes.remove(victim)
    return {"never_restarted": victim.name}


def _database_away(scene: Scene) -> Notes:
    """Take the database away for a while, in the middle."""
    time.sleep(3)
    if scene.server is not None:
        scene.server.stop()
        time.sleep(_AWAY_S)
        scene.server.start()
    else:
        path = scene.deployment.settings.data_dir / "bonafide.sqlite3"
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA busy_timeout = 20000")
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(_AWAY_S + 2)  # longer than our own busy time-out
        connection.execute("ROLLBACK")
        connection.close()
    return {"database_away_s": _AWAY_S}


def _disk_full(scene: Scene) -> Notes:
    """Fill the disk that holds database and media, and make room again."""
    time.sleep(3)
    ballast = scene.deployment.folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
    except OSError:
        free = shutil.disk_usage(scene.deployment.folder).free
    time.sleep(_FULL_S)
    ballast.unlink()
    return {"disk_full_s": _FULL_S, "free_bytes_when_full": free}


def _clock_jumps(scene: Scene) -> Notes:
    """Put the clock of every process an hour forward, then two hours back.

    The application's clock, not the database's: they are often two machines'.
    """
    clock = scene.deployment.folder / "clock"
    for jump in ("3600", "-3600"):
        time.sleep(4)
        clock.write_text(jump)
    return {"jumps_s": [3600, -7200]}


def _poison(scene: Scene) -> Notes:
    """Two captures that kill whoever analyses them, among others that don't."""
    scene.deployment.supervise()
    client = Client(scene.deployment.url, scene.key)
    frame = JPEG + POISON
    poison = [client.send_session(frame=frame).session_id for _ in range(2)]
    records = [_ended(client, session_id) for session_id in poison]
    client.close()
    return {
        "poison": [(record["status"], record.get("failure_reason")) for record in records],
        "starts": {process.name: process.starts for process in scene.deployment.processes},
    }


def _ended(client: Client, session_id: str) -> dict[str, object]:
    while True:
        record = client.record(session_id)
        if not record["analysis_pending"]:
            return record
        time.sleep(0.5)


SCENARIOS = {
    "kills": Scenario(_kills),
    "slot": Scenario(_lost_slot),
    "away": Scenario(_database_away),
    "full": Scenario(_disk_full, folder=_small_disk),
    "poison": Scenario(_poison, variables=lambda _folder: {"BONAFIDE_WORKERS": "3"}),
    "clock": Scenario(_clock_jumps, variables=_own_clock),
}
