"""Change the master key: data keys are wrapped anew, no object is touched.

With the key in the environment its owner changes it there and gives the earlier one in
BONAFIDE_MASTER_KEY_PREVIOUS. In the data folder a new one is put in front of the file; running
processes notice. The earlier ones stay until they are dropped, as a process may have wrapped with
one a moment ago. One rotation at a time: two would each replace the file, and lose the other's key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlmodel import col, func, select

from service.data_lock import exclusive
from service.database import Database
from service.media.key_file import new_key, replace
from service.media.keys import MasterKey, MasterKeyError, key_file_of, load_key_ring
from service.media.tables import MediaKeyRow
from service.settings import Settings

_PAGE = 200


def rotate(settings: Settings, database: Database) -> int:
    """Put a new master key in force, where it is kept in the data folder, and wrap with it.

    Returns
    -------
    int
        Data keys that were wrapped anew.

    Raises
    ------
    MasterKeyError
        When a data key does not open with any master key at hand, or another rotation is under
        way.
    """
    with _alone(settings):
        if settings.master_key is None:
            ring = load_key_ring(settings)
            fresh = MasterKey(new_key())
            replace(key_file_of(settings), [one.key for one in (fresh, *ring.keys)])
        return _rewrap(settings, database)


def rewrap(settings: Settings, database: Database) -> int:
    """Wrap what other master keys have wrapped with the one in force; return how many."""
    with _alone(settings):
        return _rewrap(settings, database)


def _rewrap(settings: Settings, database: Database) -> int:
    ring, count = load_key_ring(settings), 0
    others = select(MediaKeyRow).where(MediaKeyRow.master_key_id != ring.current.id)
    while True:
        with database.write() as db:
            rows = db.exec(others.limit(_PAGE).with_for_update()).all()
            for row in rows:
                data_key = ring.unwrap(row.wrapped, row.session_id)
                row.wrapped = ring.wrap(data_key, row.session_id)
                row.master_key_id = ring.current.id
                db.add(row)
        if not rows:
            return count
        count += len(rows)


def drop_previous(settings: Settings, database: Database) -> int:
    """Remove earlier master keys from the data folder; return how many.

    Raises
    ------
    MasterKeyError
        When something is still wrapped with one of them, the environment holds the keys, or a
        rotation is under way.
    """
    if settings.master_key is not None:
        raise MasterKeyError("remove BONAFIDE_MASTER_KEY_PREVIOUS from the environment")
    with _alone(settings):
        ring = load_key_ring(settings)
        others = select(func.count()).where(col(MediaKeyRow.master_key_id) != ring.current.id)
        with database.read() as db:
            count = db.exec(others).one()
        if count:
            raise MasterKeyError(f"{count} data keys are wrapped with them; rotate again first")
        replace(key_file_of(settings), [ring.current.key])
        return len(ring.keys) - 1


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    path = key_file_of(settings)
    with ExitStack() as stack:
        try:
            stack.enter_context(exclusive(path.with_name(f"{path.name}.lock"), wait=False))
        except BlockingIOError:
            msg = "the master key is being changed by another command; repeat this when it is done"
            raise MasterKeyError(msg) from None
        yield
