"""The analysis as people read it: verdict first, then why, then what each layer measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from service.cli.output import plain

Wire = Mapping[str, Any]
_COLOURS = {"LIVE": "green", "DEEPFAKE": "red", "INCONCLUSIVE": "yellow"}


def print_analysis(console: Console, data: Wire, evidence: Wire) -> None:
    """Print both wire objects as tables.

    Parameters
    ----------
    data, evidence
        ``deepfake_detection_data`` and ``deepfake_detection_evidence``.
    """
    verdict, rule = data["verdict"], evidence["rule"]
    console.print(
        f"[bold {_COLOURS[verdict]}]{verdict}[/]  risk {data['risk_score']}, "
        f"confidence {data['confidence']}"
    )
    console.print(
        f"rule {rule['priority']} ({plain(rule['name'])}): {plain(rule['statement'])}; "
        f"reason {plain(evidence['reason_code'])}, policy {plain(evidence['policy']['version'])}"
    )
    if evidence["word_rule"] == "skipped":
        console.print("[dim]word rule skipped: no phrase was asked[/]")
    for layer in evidence["not_executed"]:
        console.print(f"[red]{layer['layer']} did not run[/]: {plain(layer['detail'])}")
    console.print(_layers(data, evidence))
    console.print(_checks(evidence))
    console.print(_signals(evidence))
    for finding in evidence["quality"]:
        console.print(f"[yellow]{plain(finding['code'])}[/] {plain(finding['hint'])}")
    timings = ", ".join(
        f"{name} {ms:.0f} ms" for name, ms in evidence["timings_ms"].items() if ms is not None
    )
    console.print(f"[dim]{timings}[/]")


def _layers(data: Wire, evidence: Wire) -> Table:
    results, thresholds = data["layer_results"], evidence["policy"]["thresholds"]
    table = _table("layer", "risk", "above", "confidence", "")
    passed = "passed" if results["liveness"]["passed"] else "[red]failed[/]"
    table.add_row("liveness", "", "", "", passed if evidence["liveness"] else "did not run")
    for name in ("vision", "voice"):
        result = results[name]
        risk, limit = result["risk_score"], thresholds[name]
        shown = f"[red]{risk}[/]" if risk > limit else str(risk)
        table.add_row(name, shown, f"{limit:g}", _number(result["confidence"]), _remark(result))
    return table


def _remark(result: Wire) -> str:
    if "signals" in result:
        return plain(" ".join(result["signals"]) or "no signal")
    if result["word_match"] is None:
        return "no phrase asked"
    return "words said" if result["word_match"] else "[red]words not recognised[/]"


def _checks(evidence: Wire) -> Table:
    table = _table("check", "", "measured", "")
    liveness = evidence["liveness"]
    for name, check in (liveness["checks"] if liveness else {}).items():
        passed = "passed" if check["passed"] else "[red]failed[/]"
        table.add_row(name, passed, _measured(check), plain(check["reason"]))
    return table


def _signals(evidence: Wire) -> Table:
    table = _table("signal", "", "measured", "")
    vision = evidence["vision"]
    for code, signal in (vision["signals"] if vision else {}).items():
        state = "[red]fired[/]" if signal["fired"] else "-"
        if signal["p_attack"] is None:
            state = "[dim]not measured[/]"
        table.add_row(code, state, _measured(signal), plain(signal["reason"]))
    return table


def _measured(result: Wire) -> str:
    """Return the measurement that a result rests on, against its threshold."""
    if not result["measurements"]:
        return ""
    first = result["measurements"][0]
    limit = "" if first["threshold"] is None else f" (limit {_number(first['threshold'])})"
    return plain(f"{first['name']} {_number(first['value'])}{limit}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    return table
