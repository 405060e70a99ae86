"""The commands by name, and what their exit codes mean.

0   done; for `analyze` whatever the verdict is: read it from the output
1   the installation is broken, or something failed that is not the input's fault
2   bad input: one line on stderr with a stable code (``error [EMPTY_FILE]: …``)
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from service.cli.analyze import analyze
from service.cli.audit import audit
from service.cli.backup import backup
from service.cli.evaluate import evaluate
from service.cli.evaluate_phrase import phrase
from service.cli.evaluate_words import words
from service.cli.inspect import models, policy
from service.cli.keys import keys
from service.cli.master_key import rotate_master
from service.cli.roles import api, migrate, worker
from service.cli.serve import demo, serve

app = typer.Typer(
    name="bonafide",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Decide whether a recorded session shows a live human being, and say why.",
    epilog="Exit codes: 0 done (whatever the verdict), 1 failed, 2 bad input.",
)
app.command()(analyze)
evaluate.command()(phrase)
evaluate.command()(words)
app.add_typer(evaluate, name="evaluate")
app.command()(serve)
app.command()(migrate)
app.command()(backup)
app.command()(api)
app.command()(worker)
app.command()(demo)
keys.command()(rotate_master)
app.add_typer(keys, name="keys")
app.add_typer(audit, name="audit")
app.command()(models)
app.command()(policy)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bonafide {version('bonafide')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print and exit."),
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line."""
    app()
