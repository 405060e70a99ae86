"""`bonafide keys rotate-master`: a new master key, and every data key wrapped with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.options import DataDir, read_settings
from service.cli.output import failed, people
from service.cli.stored import opened_database

if TYPE_CHECKING:
    from service.database import Database
    from service.settings import Settings

_Drop = Annotated[
    bool,
    typer.Option(
        "--drop-previous", help="Instead: remove earlier keys from the file, if nothing needs them."
    ),
]


def rotate_master(drop: _Drop = False, data_dir: DataDir = None) -> None:
    """Change the master key of media: data keys are wrapped anew, no object is touched.

    With BONAFIDE_MASTER_KEY set, change it there first and give the earlier one in
    BONAFIDE_MASTER_KEY_PREVIOUS; then run this.
    """
    from service.media.keys import MasterKeyError

    settings = read_settings(data_dir=data_dir)
    with opened_database(data_dir) as database:
        try:
            people().print(_do(settings, database, drop=drop))
        except MasterKeyError as error:
            raise failed("BAD_MASTER_KEY", error) from None


def _do(settings: Settings, database: Database, *, drop: bool) -> str:
    from service.media.keys import load_key_ring
    from service.media.rotation import drop_previous, rotate

    if drop:
        return f"removed {drop_previous(settings, database)} earlier master keys"
    count = rotate(settings, database)
    return f"master key {load_key_ring(settings).current.id} in force; wrapped {count} data keys"
