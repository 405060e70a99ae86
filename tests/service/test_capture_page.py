"""The capture page in headless Chromium: it loads, asks for consent, and names a dead link."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from service.api.page import PAGE_FOLDER
from service.app import create_app
from service.jobs.in_process import InProcessRunner
from service.keys import create_key
from tests.service.service_builders import APPLICANT, BuilderAnalyser, settings_in
from verdict.policy import load_policy

_CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def test_every_text_of_the_page_is_there() -> None:
    texts = json.loads((PAGE_FOLDER / "texts.json").read_text(encoding="utf-8"))
    script = (PAGE_FOLDER / "capture.js").read_text(encoding="utf-8")
    page = (PAGE_FOLDER / "index.html").read_text(encoding="utf-8")
    used = set(re.findall(r'data-text="(\w+)"', page))
    used |= set(re.findall(r'Problem\("(\w+)"', script))
    used |= set(re.findall(r'show\("\w*", "(\w+)"\)', script))
    used |= {"neutral", "blink", "turn_left", "turn_right", "speak"}
    for language, entries in texts.items():
        assert used <= set(entries), language


def test_the_page_takes_pictures_often_enough_to_tell_a_blink_cut_in() -> None:
    script = (PAGE_FOLDER / "capture.js").read_text(encoding="utf-8")
    found = re.search(r"^const FRAMES_PER_S = (\d+);$", script, flags=re.MULTILINE)
    assert found is not None
    slowest_s = load_policy().number("liveness.splice.slowest_interval_s")
    assert 1 / int(found[1]) <= slowest_s


def test_page_names_no_other_host_and_no_inline_script() -> None:
    for path in PAGE_FOLDER.iterdir():
        if path.suffix in {".html", ".js", ".css"}:
            assert "//" not in re.sub(r"^\s*// .*$", "", path.read_text(), flags=re.MULTILINE)
    page = (PAGE_FOLDER / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", page)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A served application and a key."""
    app = create_app(
        settings_in(tmp_path, public_url=""), BuilderAnalyser(), jobs=InProcessRunner()
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", create_key(app.state.context.database, name="test").text
    server.should_exit = True
    thread.join()


def _dump(url: str, folder: Path) -> str:
    """Return the page as it stands after its script has run."""
    assert _CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    limits = ["--virtual-time-budget=8000", "--dump-dom", f"--user-data-dir={folder}"]
    result = subprocess.run(
        [_CHROMIUM, *flags, *limits, url], capture_output=True, timeout=90, check=True
    )
    return result.stdout.decode()


@pytest.mark.skipif(_CHROMIUM is None, reason="Chromium is not installed: the page is not tried")
def test_page_in_a_browser(address: tuple[str, str], tmp_path: Path) -> None:
    import httpx

    url, key = address
    created = httpx.post(f"{url}/v1/sessions", json=APPLICANT, headers={"x-api-key": key}).json()
    token = created["session_url"].rsplit("/", 1)[1]
    page = _dump(f"{url}/s/{token}", tmp_path / "profile")
    assert 'data-state="consent_intro"' in page
    assert '<section id="consent">' in page
    assert "I agree" in page
    dead = _dump(f"{url}/s/unknown", tmp_path / "profile")
    assert 'data-state="unknown"' in dead
    assert "This link is not known" in dead
