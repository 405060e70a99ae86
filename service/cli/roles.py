"""`bonafide migrate`, `api` and `worker`: the service in several processes on one PostgreSQL."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.options import DataDir, read_settings
from service.cli.output import BROKEN, failed
from service.cli.stored import require_database

if TYPE_CHECKING:
    from service.settings import Settings


def migrate(data_dir: DataDir = None) -> None:
    """Make the tables, or bring them up to date. Run it before `api` and `worker` start."""
    from service.server import migrate as run

    settings = read_settings(data_dir=data_dir)
    _require_database(settings, make=True)
    run(settings)
    typer.echo("the tables are up to date", err=True)


def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port.")] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="How many processes.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Take requests and queue their work; needs PostgreSQL and at least one `bonafide worker`."""
    from service.challenge import ChallengeError
    from service.roles import Role
    from service.server import run_api
    from verdict.policy import PolicyError

    # Further processes read the settings by themselves.
    given = {"HOST": host, "PORT": port, "API_PROCESSES": processes, "DATA_DIR": data_dir}
    os.environ |= {
        f"BONAFIDE_{name}": str(value) for name, value in given.items() if value is not None
    }
    settings = _checked(Role.API.value)
    _require_database(settings, make=False)
    try:
        run_api(settings)
    except (ChallengeError, PolicyError) as error:
        raise failed("BAD_SETTINGS", error) from None


def worker(data_dir: DataDir = None) -> None:
    """Analyse captures and deliver webhooks; any number may run, each takes a slot."""
    from service.database import DatabaseNotReadyError
    from service.jobs.slots import NoSlotError
    from service.server import run_worker

    if data_dir is not None:
        os.environ["BONAFIDE_DATA_DIR"] = str(data_dir)
    settings = _checked("worker")
    try:
        run_worker(settings)
    except (DatabaseNotReadyError, NoSlotError) as error:
        raise failed("NOT_PREPARED", error, BROKEN) from None


def _require_database(settings: Settings, *, make: bool) -> None:
    from service.database import Database

    database = Database(settings, 1)
    try:
        require_database(database, make=make)
    finally:
        database.close()


def _checked(role: str) -> Settings:
    from service.roles import Role, RoleError, check_role

    settings = read_settings()
    try:
        check_role(settings, Role(role))
    except RoleError as error:
        raise failed("BAD_SETTINGS", error) from None
    return settings
