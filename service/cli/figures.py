"""The figures of an evaluation: as tables for people, as one document for machines."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.table import Table

from layers.evaluation.summary import Summary
from service.cli.output import plain
from verdict.error_rates import Interval, Rate
from verdict.policy import Policy


def print_summary(console: Console, summary: Summary, policy: Policy) -> None:
    """Print n, EER, BPCER and APCER per species, the worst first, with 95 % intervals."""
    rule = "one failed check" if summary.threshold is None else f"risk above {summary.threshold:g}"
    console.print(
        f"[bold]{summary.layer}[/]: {summary.n_bonafide} bona fide, {summary.n_attack} attacks, "
        f"{len(summary.unscored)} not scored; rejected at {rule} (policy {plain(policy.version)})"
    )
    console.print(_main_table(summary))
    if summary.apcer:
        console.print(_species_table(summary))
    if summary.marks:
        console.print(_marks_table(summary))
    if summary.sources:
        console.print(_sources_table(summary))


def _main_table(summary: Summary) -> Table:
    table = figure_table("", "value", "95 % interval", "errors / n")
    if summary.eer is None:
        table.add_row("EER", "needs both classes", "", "")
    else:
        eer = summary.eer
        table.add_row("EER", percent(eer.rate.value), interval(eer.interval), "")
        table.add_row("AUC", f"{eer.auc:.3f}", "", "")
    _add_rate(table, "BPCER (bona fide rejected)", summary.bpcer)
    if summary.apcer:
        worst, rate = next(iter(summary.apcer.items()))
        _add_rate(table, f"APCER, worst species ({plain(worst)})", rate)
    _add_rate(table, "all attacks let through (no APCER)", summary.let_through)
    least = f"confidence below {summary.minimum_confidence:g}, not rejected"
    _add_rate(table, f"BPNRR (bona fide, {least})", summary.bpnrr)
    _add_rate(table, f"APNRR (attacks, {least})", summary.apnrr)
    return table


def _species_table(summary: Summary) -> Table:
    table = figure_table("attack species, worst first", "APCER", "95 % interval", "let through / n")
    for species, rate in summary.apcer.items():
        _add_rate(table, plain(species), rate)
    return table


def _marks_table(summary: Summary) -> Table:
    what = "check failed" if summary.threshold is None else "signal fired"
    table = figure_table(what, "bona fide", "95 % interval", "n", "attacks", "95 % interval", "n")
    for mark in summary.marks:
        table.add_row(mark.name, *three_cells(mark.bonafide), *three_cells(mark.attack))
    return table


def _sources_table(summary: Summary) -> Table:
    table = figure_table("source", "EER", "BPCER", "rejected / n", "APCER", "let through / n")
    for one in summary.sources:
        eer = "" if one.eer is None else percent(one.eer)
        table.add_row(
            plain(one.source), eer, percent(one.bpcer.value), count(one.bpcer),
            percent(one.apcer.value), count(one.apcer),
        )  # fmt: skip
    return table


def figure_table(first: str, *others: str) -> Table:
    """Return an empty table: the first column is text, the others are numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right")
    return table


def _add_rate(table: Table, name: str, rate: Rate) -> None:
    table.add_row(name, *three_cells(rate))


def three_cells(rate: Rate) -> tuple[str, str, str]:
    """Return value, 95 % interval and errors of n."""
    return percent(rate.value), interval(rate.interval) if rate.n else "", count(rate)


def percent(value: float) -> str:
    """Return a share in percent; nothing for NaN."""
    return "" if math.isnan(value) else f"{100 * value:.1f} %"


def interval(bounds: Interval) -> str:
    """Return an interval of shares in percent."""
    return f"{100 * bounds[0]:.1f} - {100 * bounds[1]:.1f} %"


def count(rate: Rate) -> str:
    """Return errors of n; nothing without n."""
    return f"{rate.errors} / {rate.n}" if rate.n else ""


def summary_document(summary: Summary, policy: Policy) -> dict[str, Any]:
    """Return the same figures for machines; rates are shares, not percent."""
    eer = summary.eer
    return {
        "layer": str(summary.layer),
        "policy": {"version": policy.version, "digest": policy.digest},
        "threshold": summary.threshold,
        "minimum_confidence": summary.minimum_confidence,
        "n_bonafide": summary.n_bonafide,
        "n_attack": summary.n_attack,
        "not_scored": [
            {"path": row.row.path, "label": row.row.label, "error": row.error}
            for row in summary.unscored
        ],
        "eer": None
        if eer is None
        else {
            "value": eer.rate.value,
            "interval": list(eer.interval),
            "p_attack_threshold": eer.rate.threshold,
        },
        "auc": None if eer is None else eer.auc,
        "bpcer": rate_document(summary.bpcer),
        "apcer_worst_species": next(iter(summary.apcer), None),
        "apcer": {species: rate_document(rate) for species, rate in summary.apcer.items()},
        "let_through": rate_document(summary.let_through),
        "bpnrr": rate_document(summary.bpnrr),
        "apnrr": rate_document(summary.apnrr),
        "marks": {
            mark.name: {
                "bonafide": rate_document(mark.bonafide),
                "attack": rate_document(mark.attack),
            }
            for mark in summary.marks
        },
        "sources": {
            one.source: {
                "eer": one.eer,
                "bpcer": rate_document(one.bpcer),
                "apcer": rate_document(one.apcer),
            }
            for one in summary.sources
        },
    }


def rate_document(rate: Rate) -> dict[str, Any]:
    """Return a rate for machines: a share, null without n."""
    value = None if math.isnan(rate.value) else rate.value
    return {"value": value, "interval": list(rate.interval), "errors": rate.errors, "n": rate.n}
