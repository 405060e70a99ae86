"""A deployment of real processes on one database, which can be killed and started again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from service.database import Database
from service.keys import create_key
from service.server import migrate
from service.settings import Settings
from tests.service.postgres import free_port

_ROOT = Path(__file__).parents[2]
_START_S = 90.0


@dataclass
class Process:
    """One process of a role; `slot` only names it in the log folder."""

    role: str
    name: str
    environment: dict[str, str]
    log: Path
    running: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.process", self.role],
                cwd=_ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts += 1

    def send(self, number: signal.Signals) -> None:
        if self.running is not None and self.running.poll() is None:
            self.running.send_signal(number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait()

    def wait(self, limit_s: float = 60.0) -> None:
        if self.running is not None:
            self.running.wait(limit_s)


@dataclass
class Deployment:
    """Embedded on SQLite, or API and workers on PostgreSQL.

    Parameters
    ----------
    database_url
        Empty for SQLite in `folder`.
    variables
        Further environment, by name.
    """

    folder: Path
    database_url: str
    workers: int = 2
    variables: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    processes: list[Process] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        data_dir = self.folder / "data"
        settings = {
            "BONAFIDE_DATA_DIR": str(data_dir),
            "BONAFIDE_DATABASE_URL": self.database_url,
            "BONAFIDE_PORT": str(self.port),
            "BONAFIDE_AUTO_VERIFY": "true",
            "BONAFIDE_RECONCILE_EVERY_S": "5",
            "BONAFIDE_WEBHOOK_ALLOW_HTTP": "true",
            "BONAFIDE_WEBHOOK_ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "BONAFIDE_WEBHOOK_SCHEDULE_S": str([0, 0.5, 1, 2, 4, *[8] * 60]),
            "BONAFIDE_WEBHOOK_TIMEOUT_S": "2",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(_ROOT),
        }
        self.environment = os.environ | settings | self.variables
        self.settings = _settings_of(self.environment)
        migrate(self.settings)
        roles = ["serve"]
        if self.database_url:
            roles = ["api", *["worker"] * self.workers]
        for index, role in enumerate(roles):
            name = f"{role}-{index}"
            log = self.folder / f"{name}.log"
            self.processes.append(Process(role, name, self.environment, log))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def new_key(self) -> str:
        database = Database(self.settings)
        try:
            return create_key(database, name="chaos").text
        finally:
            database.close()

    def start(self) -> None:
        for process in self.processes:
            process.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        msg = f"the service was not ready within {_START_S:g} s; see {self.folder}/*.log"
        raise RuntimeError(msg)

    def kill_one(self, chance: random.Random) -> str:
        """Kill one process with SIGKILL and start it again a moment later; return which."""
        victim = chance.choice(self.processes)
        victim.kill()
        time.sleep(chance.uniform(0, 1))
        victim.start()
        return victim.name

    def supervise(self) -> None:
        """Start again whatever ends by itself, as a supervisor would, until `stop`."""

        def watch() -> None:
            while not self._stopping.wait(0.2):
                for process in self.processes:
                    if process.running is not None and process.running.poll() is not None:
                        process.start()
            # What this thread started dies with it: `stop` has to be first.
            self._stopped.wait()

        threading.Thread(target=watch, daemon=True).start()

    def stop(self) -> None:
        """Ask every process to end, and wait."""
        self._stopping.set()
        for process in self.processes:
            process.send(signal.SIGTERM)
        for process in self.processes:
            process.wait()
        self._stopped.set()


def _settings_of(environment: dict[str, str]) -> Settings:
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        return Settings()
    finally:
        os.environ.clear()
        os.environ.update(before)
