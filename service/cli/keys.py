"""`bonafide keys`: make, list and revoke API keys. A key is shown once and kept as a digest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from service.cli.options import AsJson, DataDir, read_settings
from service.cli.output import failed, people, plain, print_json

if TYPE_CHECKING:
    from service.database import Database

keys = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")


class CasingChoice(StrEnum):
    """How the responses to a key are written."""

    SNAKE = "snake"
    CAMEL = "camel"


@keys.command()
def create(
    casing: Annotated[CasingChoice, typer.Option(help="How responses are written.")] = (
        CasingChoice.SNAKE
    ),
    name: Annotated[str, typer.Option(help="What the key is for.")] = "command line",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed once and can't be read again."""
    from service.casing import Casing
    from service.keys import create_key

    with _database(data_dir) as database:
        key = create_key(database, name=name, casing=Casing(casing))
    if as_json:
        print_json({"id": key.id, "key": key.text, "casing": str(key.casing)})
        return
    typer.echo(key.text)
    typer.echo(f"key {key.id}: shown this once; send it as the header x-api-key", err=True)


@keys.command(name="list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    from service.keys import list_keys

    with _database(data_dir) as database:
        rows = [
            {
                "id": key.id,
                "name": key.name,
                "casing": str(key.casing),
                "revoked": key.revoked_at is not None,
            }
            for key in list_keys(database)
        ]
    if as_json:
        print_json({"keys": rows})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "name", "casing", "state"):
        table.add_column(column)
    for row in rows:
        state = "revoked" if row["revoked"] else "valid"
        table.add_row(plain(row["id"]), plain(row["name"]), plain(row["casing"]), state)
    people().print(table)


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID")], data_dir: DataDir = None) -> None:
    """Revoke a key: it is refused from now on."""
    from service.keys import revoke_key

    with _database(data_dir) as database:
        revoked = revoke_key(database, key_id)
    if not revoked:
        raise failed("KEY_NOT_FOUND", f"there is no valid key {key_id}; see bonafide keys list")
    typer.echo(f"key {key_id} revoked")


@contextmanager
def _database(data_dir: Path | None) -> Iterator[Database]:
    from service.database import Database

    database = Database(read_settings(data_dir=data_dir))
    database.create()
    try:
        yield database
    finally:
        database.close()
