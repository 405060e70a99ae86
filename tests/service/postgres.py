"""A PostgreSQL server of its own in a temporary folder, from Debian's package."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from service.tables import new_id

_BINARIES = Path("/usr/lib/postgresql")
_START_S = 30.0


class PostgresServer:
    """Start and stop it, as a plain user; databases in it are made on demand."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._folder = folder / "cluster"
        self._socket_dir = folder
        self._bin = newest_binaries()
        self._as: dict[str, Any] = _plain_user(folder)
        self._sync = "on" if durable else "off"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        command = [self._tool("initdb"), "-D", str(self._folder), "-U", "postgres", "-A", "trust"]
        subprocess.run(
            [*command, "-E", "UTF8", "--no-sync"], check=True, capture_output=True, **self._as
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._socket_dir),
            "fsync": self._sync,
            "max_connections": "200",
            "shared_buffers": "64MB",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        command = [self._tool("postgres"), "-D", str(self._folder), "-p", str(self.port)]
        with (self._socket_dir / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *settings], stdout=log, stderr=log, **self._as
            )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                with psycopg.connect(self.url_of("postgres"), connect_timeout=2):
                    return
            except psycopg.OperationalError:
                time.sleep(0.1)
        msg = f"PostgreSQL did not start; see {self._socket_dir / 'postgres.log'}"
        raise RuntimeError(msg)

    def stop(self) -> None:
        """Stop the server at once: connections are cut, what was committed stays."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def new_database(self) -> str:
        """Make an empty database and return its address."""
        name = f"b{new_id().replace('-', '')}"
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.url_of(name)

    def url_of(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def _tool(self, name: str) -> str:
        return str(self._bin / name)


def newest_binaries() -> Path:
    """The programs of the newest version installed; raises where there is none."""
    found = sorted(_BINARIES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        msg = "PostgreSQL is not installed; apt-get install postgresql"
        raise FileNotFoundError(msg)
    return found[-1].parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A started server; it is stopped and its folder removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="bonafide-pg-"))
    try:
        server = PostgresServer(folder, durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _plain_user(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as the user that the package made."""
    if os.getuid() != 0:
        return {"cwd": folder}
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": folder}
