"""`bonafide models` and `bonafide policy`: what decides here, and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from service.cli.options import AsJson, PolicyFile, read_policy, read_settings
from service.cli.output import BROKEN, failed, people, plain, print_json

if TYPE_CHECKING:
    from layers.registry import FoundModel
    from service.settings import Settings
    from verdict.policy import Entry


def models(as_json: AsJson = False) -> None:
    """List every model: file, digest, source, licence, and whether it is in force here."""
    from layers.registry import State

    found = _found_models(read_settings())
    if as_json:
        print_json({"models": [_model(one) for one in found]})
    else:
        for one in found:
            _print_model(one)
    refused = [one.entry.name for one in found if one.state is State.REFUSED]
    if refused:
        why = "the file is not the one registered; install again or train again"
        raise failed("MODEL_REFUSED", f"{', '.join(refused)}: {why}", BROKEN)


def _found_models(settings: Settings) -> list[FoundModel]:
    from dataclasses import replace

    from layers.known_models import known_models
    from layers.registry import find

    checkpoint = settings.whisper_checkpoint
    found = []
    for entry in known_models():
        if entry.name == "whisper" and checkpoint is not None:
            found.append(find(replace(entry, file=checkpoint.name), checkpoint.parent))
        else:
            found.append(find(entry, settings.models_folder))
    return found


def _model(found: FoundModel) -> dict[str, Any]:
    entry = found.entry
    return {
        "name": entry.name,
        "file": entry.file,
        "path": str(found.path) if found.path else None,
        "sha256": found.digest or entry.sha256 or None,
        "state": str(found.state),
        "in_force": _in_force(found),
        "shipping": str(entry.shipping),
        "source": entry.source,
        "licence": entry.licence,
        "contract": entry.contract,
        "reported": entry.reported,
    }


def _in_force(found: FoundModel) -> bool:
    from layers.registry import State

    return found.state in (State.VERIFIED, State.PRESENT)


def _print_model(found: FoundModel) -> None:
    document = _model(found)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", width=12)
    grid.add_column(overflow="fold")
    state = f"{document['state']}, {'in force' if document['in_force'] else 'not in force'}"
    grid.add_row("state", plain(state))
    loaded_from = document["path"] or f"not here ({document['shipping']})"
    grid.add_row("loaded from", plain(loaded_from))
    for name in ("sha256", "source", "licence", "contract", "reported"):
        grid.add_row(name, plain(document[name] or "-"))
    console = people()
    console.print(f"[bold]{plain(document['name'])}[/]")
    console.print(grid)


def policy(
    prefix: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Only entries whose name starts so.")
    ] = "",
    policy: PolicyFile = None,
    as_json: AsJson = False,
) -> None:
    """List every number that can be tuned, with where its value comes from."""
    rules = read_policy(policy, read_settings())
    entries = [entry for name, entry in sorted(rules.entries.items()) if name.startswith(prefix)]
    if as_json:
        print_json(
            {
                "version": rules.version,
                "digest": rules.digest,
                "entries": [_entry(entry) for entry in entries],
            }
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("entry", "value", "unit", "source", "date", "basis"):
        justify: Literal["left", "right"] = "right" if name == "value" else "left"
        table.add_column(name, no_wrap=name in ("entry", "value", "date"), justify=justify)
    for entry in entries:
        value = entry.value if isinstance(entry.value, str) else f"{entry.value:g}"
        cells = (entry.name, value, entry.unit, entry.source, entry.date, entry.basis)
        table.add_row(*map(plain, cells))
    console = people()
    console.print(f"policy [bold]{plain(rules.version)}[/], digest {rules.digest}")
    console.print(table)


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "value": entry.value,
        "unit": entry.unit,
        "source": str(entry.source),
        "basis": entry.basis,
        "date": entry.date.isoformat(),
    }
