"""`bonafide backup`: copy a running SQLite deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import AsJson, DataDir, read_settings
from service.cli.output import BROKEN, failed, print_json


def backup(
    to: Annotated[Path, typer.Argument(metavar="FOLDER", help="New folder for the copy.")],
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="New folder for the keys; keep it apart."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Copy the SQLite database and the media; the service may be running.

    Without its keys a backup can't be read: they are copied only where --keys says.
    """
    from service.backup import BackupError, back_up

    try:
        made = back_up(read_settings(data_dir=data_dir), to, keys)
    except (BackupError, OSError) as error:
        raise failed("BACKUP_FAILED", error, BROKEN) from None
    if as_json:
        kept = list(made.keys) if keys is not None else []
        print_json({"files": made.files, "bytes": made.n_bytes, "keys": kept})
    else:
        typer.echo(f"{made.files} files, {made.n_bytes} bytes in {to}")
    if made.keys and keys is None:
        names = ", ".join(made.keys)
        typer.echo(f"not copied: {names}; without them nothing can be read (--keys)", err=True)
