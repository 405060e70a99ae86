"""Media in and out of the store, sealed with the data key of its session.

A capture's media is written before its row. In between a pending row speaks of it, so that what a
dying process leaves behind is found without looking through the whole store.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import Session, col, select

from service.captures.storage import discard, new_scratch
from service.clock import now_ms
from service.database import Database
from service.media.envelope import Binding, open_range, plain_size, seal
from service.media.key_file import new_key
from service.media.keys import KeyRing, key_file_of, load_key_ring
from service.media.store import MediaStore
from service.media.tables import MediaKeyRow, PendingMediaRow
from service.settings import Settings
from service.tables import SessionRow

_READ_BYTES = 1024 * 1024


class NoMediaKeyError(LookupError):
    """The session has no data key: it is erased, or its media is."""


@dataclass(frozen=True, slots=True)
class SealedObject:
    """An object that is there, and can be read in any part."""

    size: int
    _vault: MediaVault = field(repr=False)
    _binding: Binding = field(repr=False)
    _sealed_size: int

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """Yield its bytes from `start` up to `end`.

        Raises
        ------
        service.media.envelope.EnvelopeError
            When it was changed.
        """
        store, name = self._vault.store, self._binding.name
        return open_range(
            self._binding,
            lambda first, last: store.read(name, first, last),
            self._sealed_size,
            start,
            end,
        )


class MediaVault:
    """Seals and opens the media of sessions. Blocking: call it off the event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ring = load_key_ring(settings)
        self._ring_at = _changed_at(settings)
        self.store = MediaStore(settings)

    @property
    def ring(self) -> KeyRing:
        """The master keys in force; another process may have rotated them."""
        changed_at = _changed_at(self._settings)
        if changed_at != self._ring_at:
            self._ring, self._ring_at = load_key_ring(self._settings), changed_at
        return self._ring

    def begin(self, database: Database, session_id: str, prefix: str) -> bytes:
        """Note that media is about to be written below `prefix`; return the session's data key.

        Raises
        ------
        NoMediaKeyError
            When the session is not there any more.
        """
        with database.write() as db:
            if db.get(SessionRow, session_id, with_for_update=True) is None:
                raise NoMediaKeyError(session_id)
            db.add(PendingMediaRow(prefix=prefix))
            row = db.get(MediaKeyRow, session_id)
            if row is not None:
                return self._unwrap(row)
            data_key, ring = new_key(), self.ring
            db.add(
                MediaKeyRow(
                    session_id=session_id,
                    wrapped=ring.wrap(data_key, session_id),
                    master_key_id=ring.current.id,
                )
            )
            return data_key

    def keep(self, data_key: bytes, session_id: str, prefix: str, files: Sequence[Path]) -> None:
        """Seal files into the store, below `prefix` and under their own names."""
        self.store.put_all(
            (name, seal(Binding(data_key, session_id, name), _pieces(file)))
            for file in files
            for name in [f"{prefix}/{file.name}"]
        )

    def settle(self, db: Session, session_id: str, prefix: str, data_key: bytes) -> None:
        """Strike the note of `begin`, in the transaction that writes the capture.

        Raises
        ------
        NoMediaKeyError
            When the data key was destroyed meanwhile, also where there is a new one since.
        """
        pending, row = db.get(PendingMediaRow, prefix), db.get(MediaKeyRow, session_id)
        if pending is None or row is None or self._unwrap(row) != data_key:
            raise NoMediaKeyError(session_id)
        db.delete(pending)

    def open(self, database: Database, session_id: str, name: str) -> SealedObject:
        """Return an object of a session.

        Raises
        ------
        NoMediaKeyError, service.media.store.MissingObjectError
            When it is not there (any more).
        service.media.keys.MasterKeyError
            When the master key is another one.
        """
        return self._opened(self.data_key(database, session_id), session_id, name)

    @contextmanager
    def unpacked(
        self, database: Database, session_id: str, prefix: str, names: Sequence[str]
    ) -> Iterator[Path]:
        """Hold objects in plain in a scratch folder, for as long as the decoder needs them."""
        data_key = self.data_key(database, session_id)
        folder = new_scratch(self._settings, session_id)
        try:
            for name in names:
                opened = self._opened(data_key, session_id, f"{prefix}/{name}")
                with (folder / name).open("wb") as file:
                    file.writelines(opened.read(0, opened.size))
            yield folder
        finally:
            discard(folder)

    def abandon(self, database: Database, prefix: str) -> None:
        """Delete what was written below `prefix`, and strike the note of `begin`."""
        self.store.delete(prefix)
        with database.write() as db:
            pending = db.get(PendingMediaRow, prefix)
            if pending is not None:
                db.delete(pending)

    def sweep(self, database: Database, older_than_s: float = 0.0) -> int:
        """Delete media that was left behind without a capture; return how many times.

        Parameters
        ----------
        older_than_s
            Leave younger media alone: its row may be about to come.
        """
        oldest = now_ms() - round(1000 * older_than_s)
        query = select(PendingMediaRow.prefix).where(col(PendingMediaRow.created_at) <= oldest)
        with database.read() as db:
            prefixes = db.exec(query).all()
        for prefix in prefixes:
            self.abandon(database, prefix)
        return len(prefixes)

    def data_key(self, database: Database, session_id: str) -> bytes:
        """Return the data key of a session.

        Raises
        ------
        NoMediaKeyError
            When there is none (any more).
        """
        with database.read() as db:
            row = db.get(MediaKeyRow, session_id)
        if row is None:
            raise NoMediaKeyError(session_id)
        return self._unwrap(row)

    def check_key(self, database: Database) -> None:
        """Open a data key that is there already; nothing is asked of an empty table.

        Raises
        ------
        service.media.keys.MasterKeyError
            When the master key is another one.
        """
        with database.read() as db:
            row = db.exec(select(MediaKeyRow).limit(1)).first()
        if row is not None:
            self._unwrap(row)

    def _unwrap(self, row: MediaKeyRow) -> bytes:
        return self.ring.unwrap(row.wrapped, row.session_id)

    def _opened(self, data_key: bytes, session_id: str, name: str) -> SealedObject:
        sealed_size = self.store.size(name)
        binding = Binding(data_key, session_id, name)
        return SealedObject(plain_size(sealed_size), self, binding, sealed_size)


def _changed_at(settings: Settings) -> int:
    """Return when the file of master keys was written; 0 where the environment holds them."""
    return 0 if settings.master_key is not None else key_file_of(settings).stat().st_mtime_ns


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while piece := stream.read(_READ_BYTES):
            yield piece
