"""Keys of 32 bytes, written in base64, in the environment or in a file that only we can read."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

KEY_BYTES = 32
HOW_TO_MAKE = (
    'make one with: python -c "import base64,os;print(base64.b64encode(os.urandom(32)).decode())"'
)


def new_key() -> bytes:
    """Return a fresh key."""
    return secrets.token_bytes(KEY_BYTES)


def decoded(text: str | bytes) -> bytes | None:
    """Return the key that `text` stands for; None when it is not 32 bytes in base64."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        return None
    return key if len(key) == KEY_BYTES else None


def make_once(path: Path) -> bool:
    """Write a fresh key where there is none yet; False when there is one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    _write(descriptor, base64.b64encode(new_key()))
    _sync_folder(path)
    return True


def replace(path: Path, keys: Sequence[bytes]) -> None:
    """Write `keys`, one a line, in place of the file, in one step."""
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    _write(descriptor, b"\n".join(base64.b64encode(key) for key in keys))
    fresh.replace(path)
    _sync_folder(path)


def _write(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(path: Path) -> None:
    """Bring the name to the disk, before anything is wrapped with what it names."""
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
