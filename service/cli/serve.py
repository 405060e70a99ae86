"""`bonafide serve` and `bonafide demo`: the service for others, and the service shown at work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import DataDir, Verbose, read_settings
from service.cli.output import BROKEN, failed
from service.cli.stored import require_database

_EXAMPLE = (
    '{"first_name": "Ada", "last_name": "Example", '
    '"email": "ada@example.com", "phone": "+15550100"}'
)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 = any.")] = None,
    data_dir: DataDir = None,
    log_level: Annotated[str | None, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = None,
) -> None:
    """Run the HTTP service. Settings that have no option here are BONAFIDE_… variables."""
    from service.challenge import ChallengeError
    from service.database import Database
    from service.server import run
    from verdict.policy import PolicyError

    settings = read_settings(host=host, port=port, data_dir=data_dir, log_level=log_level)
    database = Database(settings, 1)
    require_database(database)
    database.close()
    address = f"http://{settings.host}:{settings.port}"
    typer.echo(
        f"{address}, data in {settings.data_dir}\n"
        f"  a key       bonafide keys create --data-dir {settings.data_dir}\n"
        f"  the API     {address}/openapi.json\n"
        f"  a session   curl -H 'x-api-key: KEY' -H 'content-type: application/json' "
        f"-d '{_EXAMPLE}' {address}/v1/sessions\n"
        "  then open the session_url of the answer in a browser with a webcam",
        err=True,
    )
    try:
        run(settings)
    except (ChallengeError, PolicyError) as error:
        raise failed("BAD_SETTINGS", error) from None


def demo(
    report: Annotated[
        Path, typer.Option(metavar="HTML", help="Where the report is written.")
    ] = Path("report.html"),
    verbose: Verbose = False,
) -> None:
    """Start the service, attack it with an animated portrait, show the verdict, stop it."""
    from service.demo import DemoError, run_demo

    try:
        run_demo(report, verbose=verbose)
    except DemoError as error:
        raise failed("DEMO_FAILED", error, BROKEN) from None
