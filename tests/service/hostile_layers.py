"""A decoder that is as bad as its media asks for, and else the real one. Runs in children."""

from __future__ import annotations

import ctypes
import time

from layers.capture.types import Capture
from layers.runner import MediaRequest
from layers.runner.tasks import Tasks, decode
from tests.service.stub_layers import liveness, vision, voice, warm

CRASH, HANG, COMPUTE, HOARD = b"crash", b"hang", b"compute", b"hoard"
_MIB = 1024**2


def picture_that_asks_for(what: bytes) -> bytes:
    """Something that begins like a JPEG."""
    return b"\xff\xd8\xff\xe0 please " + what


def _decode(request: MediaRequest) -> Capture:
    frames = request.frames
    marked = None if frames is None else frames / "frame_0000.jpg"
    first = marked.read_bytes()[:40] if marked is not None and marked.exists() else b""
    if first.endswith(CRASH):
        ctypes.string_at(0)
    elif first.endswith(HANG):
        time.sleep(600)
    elif first.endswith(COMPUTE):
        while True:
            pass
    elif first.endswith(HOARD):
        hoard = [bytearray(64 * _MIB) for _ in range(1000)]
        assert hoard
    return decode(request)


def hostile_tasks() -> Tasks:
    """Stubs for the layers, the real decoder for what is not marked."""
    return Tasks(decode=_decode, liveness=liveness, vision=vision, voice=voice, warm=warm)
