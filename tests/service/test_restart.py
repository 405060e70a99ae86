"""A session survives the death of the service at any moment: a real process, killed for real."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.database import Database
from service.keys import create_key
from service.settings import Settings
from tests.service.service_builders import APPLICANT, capture_parts, description

_ROOT = Path(__file__).parents[2]
_COMMAND = [sys.executable, "-m", "tests.service.restart_app"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Deployment:
    """A data folder with a key, and processes that serve it one after the other."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        database = Database(Settings(data_dir=self.data_dir))
        database.create()
        self._headers = {"x-api-key": create_key(database, name="test").text}
        database.close()
        self.client = httpx.Client(base_url=self.url, headers=self._headers, timeout=30)

    @contextmanager
    def running(self, pause_s: float) -> Iterator[subprocess.Popen[bytes]]:
        """A served folder, ready; the process is killed at the end if it still runs."""
        arguments = [str(self.data_dir), str(self.port), str(pause_s)]
        environment = os.environ | {"PYTHONPATH": str(_ROOT)}
        with subprocess.Popen([*_COMMAND, *arguments], cwd=_ROOT, env=environment) as process:
            try:
                self._wait_until_ready(process)
                yield process
            finally:
                process.kill()

    def start_second(self) -> bytes:
        """Start another process on the same folder and return what it says as it refuses."""
        arguments = [str(self.data_dir), str(_free_port()), "0"]
        second = subprocess.run(
            [*_COMMAND, *arguments], cwd=_ROOT, capture_output=True, timeout=60, check=False
        )
        assert second.returncode != 0
        return second.stderr

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        for _ in range(600):
            assert process.poll() is None, "the service ended by itself"
            try:
                if self.client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        pytest.fail("the service did not get ready")

    def create(self) -> tuple[str, str]:
        created = self.client.post("/v1/sessions", json=APPLICANT).json()
        return created["id"], created["session_url"].rsplit("/", 1)[1]

    def capture(self, token: str) -> httpx.Response:
        steps = self.client.get(f"/v1/captures/{token}").json()["challenge"]["steps"]
        return self.client.post(f"/v1/captures/{token}", files=capture_parts(description(steps)))

    def record(self, session_id: str) -> dict[str, Any]:
        retrieved = self.client.get(f"/v1/sessions/{session_id}").json()
        record: dict[str, Any] = retrieved["session_record"]
        return record

    def judged(self, session_id: str) -> dict[str, Any]:
        for _ in range(400):
            record = self.record(session_id)
            if not record["analysis_pending"]:
                return record
            time.sleep(0.05)
        pytest.fail("the analysis is still pending")


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[_Deployment]:
    made = _Deployment(tmp_path)
    yield made
    made.client.close()


def test_stopped_and_killed_while_analysing(deployment: _Deployment) -> None:
    with deployment.running(pause_s=60) as process:
        first, first_token = deployment.create()
        assert deployment.capture(first_token).status_code == 202
        assert b"another service runs on" in deployment.start_second()
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        assert time.monotonic() - begin < 20
    with deployment.running(pause_s=60) as process:
        second, second_token = deployment.create()
        still_open, open_token = deployment.create()
        assert deployment.capture(second_token).status_code == 202
        assert deployment.record(first)["analysis_pending"]
        process.send_signal(signal.SIGKILL)
        process.wait()
    leftover = deployment.data_dir / "staging" / "half"
    leftover.mkdir(parents=True)
    with deployment.running(pause_s=0):
        for session_id in (first, second):
            assert deployment.judged(session_id)["status"] == "REJECTED"
        evidence = deployment.record(first)["analysis_data"]["deepfake_detection_evidence"]
        assert evidence["attempt"] == 1
        assert evidence["tries"] == 2  # the kill counts as a try, the orderly stop does not
        used = deployment.client.get(f"/v1/captures/{first_token}").json()
        assert used["error"]["code"] == "CAPTURE_TOKEN_USED"
        assert deployment.capture(open_token).status_code == 202
        assert deployment.judged(still_open)["status"] == "REJECTED"
    assert not leftover.exists()
