"""Options that several commands share, and what they turn into."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.output import failed

if TYPE_CHECKING:
    from service.settings import Settings
    from verdict.policy import Policy

PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="TOML entries that replace shipped ones."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON on stdout.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Let libraries write to stderr.")]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="Database and media [default: ./var]."),
]


def read_policy(file: Path | None, settings: Settings) -> Policy:
    """Return the policy in force, or leave with a clear line."""
    from verdict.policy import PolicyError, load_policy

    try:
        return load_policy(file or settings.policy_file)
    except PolicyError as error:
        raise failed("BAD_POLICY", error) from None


def read_settings(**given: Any) -> Settings:
    """Return the settings of the environment, with those of the command line before them."""
    from pydantic import ValidationError

    from service.settings import Settings

    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise failed("BAD_SETTINGS", f"BONAFIDE_{name.upper()}: {first['msg']}") from None
