"""A client in Node that reads camelCase only, against a running service: tests/node/*.test.mjs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from service.app import create_app
from service.casing import Casing
from service.jobs.in_process import InProcessRunner
from service.keys import create_key
from tests.service.service_builders import BuilderAnalyser, deepfake_evidence, settings_in
from tests.service.tenants import new_tenant

_TESTS = Path(__file__).parents[1] / "node"
_OLDEST = 20


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip(f"Node is not installed: install Node {_OLDEST} to test with its client")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.match(r"v(\d+)\.", said)
    if version is None or int(version.group(1)) < _OLDEST:
        pytest.skip(f"Node {said.strip()} is too old: install Node {_OLDEST}")
    return node


class _Server(uvicorn.Server):
    """A server in a thread of the test."""

    def install_signal_handlers(self) -> None:
        """Leave signals to pytest."""

    @property
    def port(self) -> int:
        port: int = self.servers[0].sockets[0].getsockname()[1]
        return port


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    analyser = BuilderAnalyser(evidence=deepfake_evidence())
    return create_app(settings_in(tmp_path), analyser, jobs=InProcessRunner())


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    """The address of the service, on a socket of its own."""
    server = _Server(uvicorn.Config(app, port=0, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        for _ in range(500):
            if server.started:
                break
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.should_exit = True
        thread.join()


def test_the_client_works_unchanged(app: FastAPI, url: str) -> None:
    node = _node()
    database = app.state.context.database
    other = new_tenant(database).organization_id
    environment = os.environ | {
        "BONAFIDE_URL": url,
        "BONAFIDE_PUBLIC_URL": app.state.context.settings.public_url,
        "BONAFIDE_KEY": create_key(database, name="node", casing=Casing.CAMEL).text,
        "BONAFIDE_OTHER_KEY": create_key(
            database, name="node", casing=Casing.CAMEL, organization_id=other
        ).text,
    }
    done = subprocess.run(
        [node, "--test", "--test-reporter=tap", str(_TESTS / "sessions.test.mjs")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^# pass [1-9]", done.stdout, flags=re.MULTILINE), done.stdout
    assert "# fail 0" in done.stdout
    assert "# skipped 0" in done.stdout
