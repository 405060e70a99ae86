"""`bonafide models` and `bonafide policy`: what decides here, and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from service.cli.options import AsJson, PolicyFile, read_policy, read_settings
from service.cli.output import BROKEN, failed, people, plain, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from layers.registry import FoundModel
    from layers.voice.standing import DetectorStanding
    from service.settings import Settings
    from verdict.policy import Entry, Policy


def models(as_json: AsJson = False) -> None:
    """List every model: file, digest, source, licence, and whether it is in force here."""
    from layers.registry import State
    from layers.voice.standing import limits_of_embedded, limits_of_recogniser, standings
    from service.layer_analyser import detector_files

    settings = read_settings()
    rules = read_policy(None, settings)
    found = _found_models(settings)
    detectors = standings(rules, detector_files(settings))
    limits = limits_of_embedded(rules)
    unheard = limits_of_recogniser(settings.whisper_checkpoint)
    deciding = _deciding(detectors, settings, rules)
    if as_json:
        listed = [_model(one, deciding) for one in found]
        voice = {"detectors": [_standing(one) for one in detectors], "limits": limits or None}
        voice["recogniser_limits"] = unheard or None
        print_json({"models": listed, "voice": voice})
    else:
        for one in found:
            _print_model(one, deciding)
        _print_detectors(detectors, limits)
        if unheard:
            people().print(f"[yellow]What is not understood[/]: {plain(unheard)}")
    refused = [one for one in found if one.state is State.REFUSED]
    if refused:
        raise failed("MODEL_REFUSED", "; ".join(map(_refusal, refused)), BROKEN)
    for standing in detectors:
        if standing.in_force and standing.problem:
            raise failed("DETECTOR_NOT_READY", standing.problem, BROKEN)


def _refusal(found: FoundModel) -> str:
    from layers.registry import Shipping

    remedy = {
        Shipping.OWN: "get it from the repository again, or train again",
        Shipping.WHEEL: "run 'make install' again",
        Shipping.OPTIONAL: f"get it from {found.entry.source}",
    }[found.entry.shipping]
    return f"{found.path} is not the file registered as '{found.entry.name}': {remedy}"


def _found_models(settings: Settings) -> list[FoundModel]:
    from dataclasses import replace

    from layers.known_models import known_models
    from layers.known_voice_detectors import CLASSIFIERS
    from layers.registry import find

    checkpoint, classifier = settings.whisper_checkpoint, settings.voice_model_folder
    found = []
    for entry in known_models():
        if entry.name == "whisper" and checkpoint is not None:
            found.append(find(replace(entry, file=checkpoint.name), checkpoint.parent))
        elif entry in CLASSIFIERS and classifier is not None:
            found.append(find(entry, classifier.absolute().parent))
        else:
            found.append(find(entry, settings.models_folder))
    return found


def _model(found: FoundModel, deciding: Mapping[str, bool]) -> dict[str, Any]:
    entry = found.entry
    return {
        "name": entry.name,
        "file": entry.file,
        "path": str(found.path) if found.path else None,
        "sha256": found.digest or entry.sha256 or None,
        "state": str(found.state),
        "in_force": _in_force(found, deciding),
        "shipping": str(entry.shipping),
        "source": entry.source,
        "licence": entry.licence,
        "contract": entry.contract,
        "reported": entry.reported,
        "install": entry.install or None,
    }


def _in_force(found: FoundModel, deciding: Mapping[str, bool]) -> bool:
    """Whether it is here; of those that stand for one another, whether it was chosen."""
    from layers.registry import State

    is_here = found.state in (State.VERIFIED, State.PRESENT)
    return is_here and deciding.get(found.entry.name, True)


def _deciding(
    detectors: Sequence[DetectorStanding], settings: Settings, policy: Policy
) -> dict[str, bool]:
    """Return by registered name whether policy and settings chose it; others are not in there."""
    from layers.known_voice_detectors import CLASSIFIERS
    from layers.voice.detector.combined import TRANSFORMERS

    by_name = {one.name: one.in_force for one in detectors}
    folder = settings.voice_model_folder
    for entry in CLASSIFIERS:
        given = folder is not None and entry.file.startswith(f"{folder.absolute().name}/")
        by_name[entry.name] = given and by_name[TRANSFORMERS]
    # Whisper takes the place of the sounds; the dictionary beside pocketsphinx stays in use.
    by_name["phones-hama"] = settings.whisper_checkpoint is None
    for encoder in ("speaker-ge2e", "speaker-ecapa"):
        by_name[encoder] = encoder == f"speaker-{policy.text('speaker.encoder')}"
    return by_name


def _standing(one: DetectorStanding) -> dict[str, Any]:
    return {
        "name": one.name,
        "in_force": one.in_force,
        "calibration": str(one.state),
        "basis": one.basis,
        "problem": one.problem or None,
    }


def _print_detectors(detectors: Sequence[DetectorStanding], limits: str) -> None:
    """Say which voice detector decides, how each is calibrated, and what can't be caught."""
    console = people()
    console.print("[bold]voice detectors[/]")
    grid = Table.grid(padding=(0, 2))
    for one in detectors:
        state = f"{one.state}, {'in force' if one.in_force else 'not in force'}"
        grid.add_row(plain(one.name), plain(state), plain(one.problem or one.basis))
    console.print(grid)
    if limits:
        console.print(f"[yellow]What can't be caught[/]: {plain(limits)}")


def _print_model(found: FoundModel, deciding: Mapping[str, bool]) -> None:
    document = _model(found, deciding)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", width=12)
    grid.add_column(overflow="fold")
    state = f"{document['state']}, {'in force' if document['in_force'] else 'not in force'}"
    grid.add_row("state", plain(state))
    loaded_from = document["path"] or f"not here ({document['shipping']})"
    grid.add_row("loaded from", plain(loaded_from))
    for name in ("sha256", "source", "licence", "contract", "reported"):
        grid.add_row(name, plain(document[name] or "-"))
    if document["install"] and not document["path"]:
        grid.add_row("to have it", plain(document["install"]))
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
