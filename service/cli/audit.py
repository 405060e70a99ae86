"""`bonafide audit`: check the chain of the audit log, and export its heads to check it against."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.options import AsJson, DataDir
from service.cli.output import BROKEN, failed, print_json, require_file
from service.cli.stored import opened_database

if TYPE_CHECKING:
    from service.audit.verify import Head

audit = typer.Typer(no_args_is_help=True, help="Check and export the audit log.")


@audit.command()
def head(data_dir: DataDir = None) -> None:
    """Print the head of every tenant's chain: keep it where the database's owner can't write."""
    from service.audit.verify import heads

    with opened_database(data_dir) as database:
        print_json({"heads": [asdict(one) for one in heads(database)]})


@audit.command()
def verify(
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", metavar="FILE", help="What `audit head` printed earlier."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check every chain; leaves with 1 when one does not hold."""
    from service.audit.verify import verify_all

    anchors = [one for file in against or () for one in _read_heads(file)]
    with opened_database(data_dir) as database:
        reports = verify_all(database, anchors)
    if as_json:
        print_json({"chains": [asdict(one) for one in reports], "anchors": len(anchors)})
    else:
        for one in reports:
            said = "holds" if one.problem is None else f"{one.problem} at entry {one.number}"
            typer.echo(f"{one.organization_id}  {one.entries} entries  {said}  {one.head.sha256}")
        if not anchors:
            typer.echo("without --against, entries cut off the end are not noticed", err=True)
    bad = [one for one in reports if one.problem is not None]
    if bad:
        message = f"{len(bad)} of {len(reports)} chains do not hold"
        raise failed("AUDIT_LOG_ALTERED", message, BROKEN)


def _read_heads(file: Path) -> list[Head]:
    from service.audit.verify import Head

    require_file(file, "--against")
    try:
        document: Any = json.loads(file.read_text(encoding="utf-8"))
        return [Head(**one) for one in document["heads"]]
    except (ValueError, KeyError, TypeError):
        raise failed("BAD_HEADS", f"{file} is not what `bonafide audit head` printed") from None
