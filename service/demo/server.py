"""The real service as a child process on a free local port; it is always stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

_HOST = "127.0.0.1"
_START_S = 180.0
_STOP_S = 20.0
_READY = "/readyz"
_LOG_LINES = 12


class ServiceError(RuntimeError):
    """The service did not start, or ended by itself; the message holds the end of its log."""


@contextmanager
def running_service(data_dir: Path) -> Iterator[str]:
    """Start `bonafide serve` with a fresh data folder and yield its address once it is ready.

    Raises
    ------
    ServiceError
        When it does not become ready.
    """
    port = _free_port()
    log = data_dir / "service.log"
    command = [sys.executable, "-m", "service.cli", "serve", "--host", _HOST, "--port", str(port)]
    # What the caller's shell has set for another deployment must not reach this one.
    environment = {name: text for name, text in os.environ.items() if not _is_deployment(name)}
    with log.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603  # nosec B603
            [*command, "--data-dir", str(data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in order
        )
    address = f"http://{_HOST}:{port}"
    try:
        _wait_until_ready(address, process, log)
        yield address
    finally:
        _stop(process)


def _is_deployment(name: str) -> bool:
    return name.startswith("BONAFIDE_") and name != "BONAFIDE_WHISPER_CHECKPOINT"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            msg = f"the service ended with exit code {process.returncode}\n{_end_of(log)}"
            raise ServiceError(msg)
        try:
            if httpx.get(f"{address}{_READY}", timeout=5.0).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.2)
    msg = f"the service was not ready within {_START_S:g} s\n{_end_of(log)}"
    raise ServiceError(msg)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:])
