"""What a child may not do, tried in real children: memory, computing time, network, programs."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from layers.capture.errors import MediaError, MediaLimitError, UnreadableMediaError
from layers.capture.opening import FFMPEG_OPTIONS
from layers.capture.types import Capture
from layers.runner import LayerRunner, MediaRequest, RunnerSettings
from layers.runner.tasks import Tasks
from tests.service.stub_layers import decode_stub, liveness, vision, voice, warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")
_MIB = 1024**2
_PIDFD_OPEN = 434
_NOBODY = 65534
_ANY_ADDRESS = {"protocol_whitelist": "file,http,tcp"}


def _misbehave(request: MediaRequest) -> Capture:
    """Do what the name of the file says."""
    assert request.video is not None
    what = request.video.stem
    if what == "memory":
        hoard = [bytearray(64 * _MIB) for _ in range(64)]
        assert hoard
    elif what == "computing":
        while True:
            pass
    elif what == "a second":
        until = time.process_time() + 1.0
        while time.process_time() < until:
            pass
    elif what == "crash":
        os.abort()
    elif what == "fault":
        raise ArithmeticError
    elif what == "network":
        with pytest.raises(PermissionError):
            socket.create_connection(("127.0.0.1", 9), timeout=1)
    elif what == "unix":
        with pytest.raises(PermissionError):
            socket.socket(socket.AF_UNIX)
    elif what == "programs":
        with pytest.raises(PermissionError):
            subprocess.run(["/bin/true"], check=True)
    elif what == "handles":
        library = ctypes.CDLL(None, use_errno=True)
        assert library.syscall(_PIDFD_OPEN, os.getppid(), 0) == -1
        assert ctypes.get_errno() == errno.EPERM
    elif what == "secrets":
        assert "MARKER_SECRET_KEY" not in os.environ
        assert os.environ["MARKER_PLAIN"] == "stays"
        with contextlib.suppress(PermissionError):  # for whoever is not root it is closed by now
            assert b"marker-of-a-secret" not in Path("/proc/self/environ").read_bytes()
    return decode_stub(request)


@pytest.fixture(scope="module")
def runner() -> Iterator[LayerRunner]:
    settings = RunnerSettings(
        capture_timeout_s=20, decoder_cpu_s=2.0, decoder_memory_bytes=1024 * _MIB
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MARKER_SECRET_KEY", "marker-of-a-secret")
        patch.setenv("MARKER_PLAIN", "stays")
        with LayerRunner(settings, Tasks(_misbehave, liveness, vision, voice, warm)) as runner:
            runner.wait_until_warm()
            yield runner


def _asked(what: str) -> MediaRequest:
    return MediaRequest(video=Path(f"{what}.mp4"))


@pytest.mark.parametrize(
    ("what", "error", "says"),
    [
        ("memory", MediaLimitError, "more memory"),
        ("computing", MediaLimitError, "more computing"),
        ("crash", UnreadableMediaError, "failed on this media"),
        ("fault", UnreadableMediaError, "failed on this media"),
    ],
)
def test_a_child_that_goes_too_far_fails_its_own_capture_only(
    runner: LayerRunner, what: str, error: type[MediaError], says: str
) -> None:
    with pytest.raises(error, match=says):
        runner.decode(_asked(what))
    assert runner.decode(_asked("healthy")).images == ()


def test_computing_time_is_counted_for_each_capture(runner: LayerRunner) -> None:
    for _ in range(3):
        runner.decode(_asked("a second"))


@pytest.mark.parametrize("what", ["network", "unix", "programs", "handles", "secrets"])
def test_what_a_child_can_not_reach(runner: LayerRunner, what: str) -> None:
    if missing := runner.limits_not_in_force():
        pytest.skip(f"this system has no limits for: {missing}")
    runner.decode(_asked(what))


def _told_by_a_spy(user: int, how: str) -> dict[str, str]:
    command = [sys.executable, "-m", "tests.layers.runner.parent_of_a_spy", str(user), how]
    environment = os.environ | {"MARKER_SECRET_KEY": "marker-of-a-secret"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, str] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("user", [os.geteuid(), _NOBODY], ids=["ourselves", "plain user"])
def test_a_child_can_not_look_into_its_parent(user: int) -> None:
    if os.geteuid() not in {0, user}:
        pytest.skip("only root can become another user")
    told = _told_by_a_spy(user, "shut")
    assert told == {"tracker": "read", "environ": "refused", "mem": "refused", "fd": "refused"}
    if user != 0:
        # Of a parent that is not shut the key is there to read: the test can tell.
        assert _told_by_a_spy(user, "open")["environ"] == "key"


def test_secrets_that_were_read_are_forgotten() -> None:
    code = (
        "from layers.runner.confinement import forget_secrets; import os;"
        "forget_secrets(but=('PG',));"
        "print(os.environ, open('/proc/self/environ').read())"
    )
    environment = {"A_KEY": "marker-of-a-secret", "PGPASSWORD": "stays", "PLAIN": "stays"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert "'PGPASSWORD': 'stays'" in told
    assert "'PLAIN': 'stays'" in told
    assert "'A_KEY'" not in told
    assert "marker-of-a-secret" not in told


def _playlist(folder: Path, address: str) -> Path:
    path = folder / "list.m3u8"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n")
    return path


@pytest.mark.parametrize("options", [FFMPEG_OPTIONS, _ANY_ADDRESS], ids=["ours", "any"])
def test_media_that_refers_to_an_address_does_not_reach_it(
    tmp_path: Path, options: dict[str, str]
) -> None:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            return

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = _playlist(tmp_path, f"http://127.0.0.1:{server.server_port}/part.ts")
    try:
        with pytest.raises((av.FFmpegError, ValueError)):
            av.open(str(path), format="hls", options=options)
    finally:
        server.shutdown()
        server.server_close()
    # With other options the address is fetched: the test can tell.
    assert bool(asked) == (options is _ANY_ADDRESS)
