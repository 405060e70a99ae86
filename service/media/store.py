"""The object store: a folder by default, or S3 and what speaks like it, under names of our own."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, from_url

from service.settings import Settings

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_FOLDER = "media"
# Larger objects are sent in parts, so that they need not be in memory as a whole.
_PART_BYTES = 5 * 1024 * 1024
_PARTS_AT_ONCE = 2
_OBJECTS_AT_ONCE = 8
_RETRIES = 5
_NAME = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)*/[a-z0-9_-]+\.[a-z0-9]+")


class MediaStoreError(OSError):
    """The object store did not do what it was asked; the message says where to look."""


class MissingObjectError(MediaStoreError):
    """There is no object of that name (any more)."""


def local_folder(settings: Settings) -> Path | None:
    """Return where objects are files; None where another store has them."""
    return None if settings.media_url else settings.data_dir / _FOLDER


class MediaStore:
    """Puts, reads and deletes whole objects. A put is seen complete or not at all. Blocking."""

    def __init__(self, settings: Settings) -> None:
        self._folder = local_folder(settings)
        if self._folder is None:
            self._store: ObjectStore = from_url(settings.media_url, **_options(settings))
        else:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._store = LocalStore(self._folder)

    def put(self, name: str, content: Iterable[bytes]) -> int:
        """Write an object in one step and return its size."""
        if not _NAME.fullmatch(name):
            msg = f"{name!r} is not a name that the service gives"
            raise ValueError(msg)
        counted = _Counted(content)
        begin = counted.up_to(_PART_BYTES)
        with _errors_as_ours():
            if counted.is_over:
                obstore.put(self._store, name, begin, use_multipart=False)
            else:
                whole: Iterator[bytes] = chain([begin], counted)
                obstore.put(
                    self._store,
                    name,
                    whole,
                    chunk_size=_PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
        return counted.n_bytes

    def put_all(self, objects: Iterable[tuple[str, Iterable[bytes]]]) -> int:
        """Write several objects so that they survive a power cut; return their size."""
        with ThreadPoolExecutor(_OBJECTS_AT_ONCE, thread_name_prefix="media") as pool:
            written = [(name, pool.submit(self.put, name, content)) for name, content in objects]
            size = sum(future.result() for _, future in written)
        self._sync([name for name, _ in written])
        return size

    def size(self, name: str) -> int:
        """Return how many bytes an object has.

        Raises
        ------
        MissingObjectError
            When there is none.
        """
        with _errors_as_ours():
            return int(obstore.head(self._store, name)["size"])

    def read(self, name: str, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to `end`."""
        if start >= end:
            return b""
        with _errors_as_ours():
            return bytes(obstore.get_range(self._store, name, start=start, end=end))

    def names(self, prefix: str) -> list[str]:
        """Return every object below `prefix`, which is a whole path segment."""
        with _errors_as_ours():
            pages = obstore.list(self._store, prefix)
            return [entry["path"] for page in pages for entry in page]

    def delete(self, prefix: str) -> int:
        """Delete every object below `prefix`; return how many there were."""
        names = self.names(prefix)
        if names:
            with _errors_as_ours():
                obstore.delete(self._store, names)
        if self._folder is not None:
            # Also what a put that died half-way left beside them.
            shutil.rmtree(self._folder / prefix, ignore_errors=True)
        return len(names)

    def _sync(self, names: Iterable[str]) -> None:
        """Bring files and their folders to the disk; other stores do so before they answer."""
        if self._folder is None:
            return
        files = [self._folder / name for name in names]
        folders = {parent for file in files for parent in file.parents}
        inside = {one for one in folders if one.is_relative_to(self._folder)}
        for path in (*files, *inside, self._folder.parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


class _Counted:
    """Counts what passes through."""

    def __init__(self, content: Iterable[bytes]) -> None:
        self._content = iter(content)
        self.n_bytes = 0
        self.is_over = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._content:
            self.n_bytes += len(piece)
            yield piece

    def up_to(self, n_bytes: int) -> bytes:
        taken = bytearray()
        while len(taken) < n_bytes:
            piece = next(islice(self, 1), None)
            if piece is None:
                self.is_over = True
                break
            taken += piece
        return bytes(taken)


@contextmanager
def _errors_as_ours() -> Iterator[None]:
    """Leave out what the library's own messages hold: addresses, paths, headers."""
    try:
        yield
    except (NotFoundError, FileNotFoundError):
        raise MissingObjectError("the media is not in the store") from None
    except BaseError as error:
        msg = f"the media store failed ({type(error).__name__}); see BONAFIDE_MEDIA_URL"
        raise MediaStoreError(msg) from None


def _options(settings: Settings) -> dict[str, Any]:
    """Return what the address does not say; the store's own environment variables count too."""
    limit = timedelta(seconds=settings.media_timeout_s)
    options: dict[str, Any] = {
        "client_options": {"timeout": limit, "connect_timeout": limit},
        "retry_config": {"max_retries": _RETRIES, "retry_timeout": limit},
    }
    if settings.media_endpoint:
        options["endpoint"] = settings.media_endpoint
        if settings.media_endpoint.startswith("http://"):
            options["client_options"]["allow_http"] = True
    if settings.media_region:
        options["region"] = settings.media_region
    if settings.media_access_key_id is not None:
        options["access_key_id"] = settings.media_access_key_id.get_secret_value()
    if settings.media_secret_access_key is not None:
        options["secret_access_key"] = settings.media_secret_access_key.get_secret_value()
    return options
