"""`bonafide evaluate liveness --table`: actions, attacks and conditions made of real clips."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from service.cli.output import failed, native_silence, require_file
from verdict.policy import Policy

Tables = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Tables of docs/liveness.md instead, made of the clips of --split: a name, or all.",
    ),
]


def print_tables(
    manifest: Path, split: str | None, names: Sequence[str], policy: Policy, *, verbose: bool
) -> None:
    """Print the tables `names`, or every one for `all`, of one split as Markdown."""
    from layers.liveness.measurements.every import tables
    from layers.liveness.measurements.table import markdown

    require_file(manifest, "MANIFEST")
    if split is None:
        raise failed("BAD_ARGUMENTS", "--table needs --split")
    wanted = () if "all" in names else tuple(names)
    with native_silence(verbose=verbose):
        try:
            made = tables(manifest, split, policy, wanted)
        except (ValueError, KeyError) as error:
            raise failed("BAD_ARGUMENTS", f"--table: {error}") from None
        texts = [markdown(make()) for make in made.values()]
    typer.echo("\n".join(texts))
