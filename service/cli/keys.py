"""`bonafide keys`: make, list, rotate and revoke. A key is shown once and kept as a digest."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from service.cli.options import AsJson, DataDir
from service.cli.output import failed, people, plain, print_json
from service.cli.stored import opened_database

if TYPE_CHECKING:
    from service.keys import CreatedKey, Scope

keys = typer.Typer(no_args_is_help=True, help="Make, list, rotate and revoke API keys.")
_DAY_S = 24 * 3600.0


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
    scope: Annotated[
        list[str] | None,
        typer.Option(help="May be repeated; `all` for every one [default: sessions, webhooks]."),
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0.0, help="How long it lives [default: until revoked].")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(metavar="ID", help="Whose key [default: the first tenant].")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is printed once and can't be read again."""
    from service.casing import Casing
    from service.clock import now_ms
    from service.keys import create_key
    from service.tables import DEFAULT_ORGANIZATION_ID, Organization

    scopes = _scopes(scope)
    with opened_database(data_dir) as database:
        owner = tenant or DEFAULT_ORGANIZATION_ID
        with database.read() as db:
            if db.get(Organization, owner) is None:
                raise failed("TENANT_NOT_FOUND", f"there is no tenant {owner}")
        key = create_key(
            database,
            name=name,
            casing=Casing(casing),
            scopes=scopes,
            organization_id=owner,
            expires_at=None if days is None else now_ms() + round(1000 * _DAY_S * days),
        )
    _show(key, as_json)


@keys.command(name="list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List the keys, without their secrets."""
    from service.key_desk import key_view
    from service.keys import list_keys

    with opened_database(data_dir) as database:
        rows = [
            {
                **key_view(key),
                "organization_id": key.organization_id,
                "revoked": key.revoked_at is not None,
            }
            for key in list_keys(database)
        ]
    if as_json:
        print_json({"keys": rows})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "name", "casing", "state", "scopes", "last used", "expires"):
        table.add_column(column)
    for row in rows:
        table.add_row(*(plain(cell) for cell in _cells(row)))
    people().print(table)


@keys.command()
def rotate(
    key_id: Annotated[str, typer.Argument(metavar="ID")],
    overlap_h: Annotated[float, typer.Option(min=0.0, help="How long both keys live.")] = 24.0,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make the successor of a key; the old one ends after the overlap."""
    from service.errors import ApiError
    from service.keys import rotate_key

    with opened_database(data_dir) as database:
        try:
            with database.write() as db:
                made = rotate_key(db, key_id, None, 3600 * overlap_h, "cli")
        except ApiError as error:
            raise failed(error.code, error.message) from None
    _show(made, as_json)


@keys.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID")], data_dir: DataDir = None) -> None:
    """Revoke a key: it is refused from now on, by running services too."""
    from service.keys import revoke_key

    with opened_database(data_dir) as database:
        revoked = revoke_key(database, key_id)
    if not revoked:
        raise failed("KEY_NOT_FOUND", f"there is no valid key {key_id}; see bonafide keys list")
    typer.echo(f"key {key_id} revoked")


def _scopes(given: list[str] | None) -> tuple[Scope, ...]:
    from service.keys import DEFAULT_SCOPES, Scope

    if not given:
        return DEFAULT_SCOPES
    if given == ["all"]:
        return tuple(Scope)
    try:
        return tuple(dict.fromkeys(Scope(one) for one in given))
    except ValueError:
        known = ", ".join(Scope)
        raise failed("BAD_SCOPE", f"--scope must be `all` or one of {known}") from None


def _show(key: CreatedKey, as_json: bool) -> None:
    if as_json:
        scopes = [str(scope) for scope in key.scopes]
        print_json({"id": key.id, "key": key.text, "casing": str(key.casing), "scopes": scopes})
        return
    typer.echo(key.text)
    typer.echo(f"key {key.id}: shown this once; send it as the header x-api-key", err=True)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    state = "revoked" if row["revoked"] else "valid" if row["live"] else "expired"
    return (
        row["id"],
        row["name"],
        row["casing"],
        state,
        " ".join(row["scopes"]),
        row["last_used_at"] or "never",
        row["expires_at"] or "never",
    )
