"""The figures of several voice detectors side by side: for people and for machines."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from layers.evaluation.detectors import Comparison, Group
from layers.evaluation.summary import Summary
from service.cli.figures import (
    figure_table,
    interval,
    percent,
    rate_document,
    summary_document,
    three_cells,
)
from service.cli.output import plain
from verdict.error_rates import Rate
from verdict.policy import Policy

_TITLES = {
    "rows": "rows",
    "codec": "codec",
    "source": "source",
    "generator": "generator, worst of the first detector first",
}


def print_comparison(console: Console, comparison: Comparison, policy: Policy) -> None:
    """Print each detector's figures over all rows, then over each group."""
    first = comparison.overall[comparison.names[0]]
    console.print(
        f"[bold]voice[/]: {first.n_bonafide} bona fide, {first.n_attack} attacks, "
        f"{len(first.unscored)} not scored; rejected at risk above {first.threshold:g}, each "
        f"detector by its own calibration (policy {plain(policy.version)})"
    )
    console.print(_overall(comparison))
    for kind, title in _TITLES.items():
        groups = [group for group in comparison.groups if group.kind == kind]
        if groups:
            console.print(_groups(title, groups, comparison.names))


def comparison_document(comparison: Comparison, policy: Policy) -> dict[str, Any]:
    """Return the same figures for machines; rates are shares, not percent."""
    return {
        "layer": "voice",
        "policy": {"version": policy.version, "digest": policy.digest},
        "detectors": {
            name: summary_document(summary, policy) for name, summary in comparison.overall.items()
        },
        "groups": [
            {
                "kind": group.kind,
                "name": group.name,
                "n_bonafide": group.n_bonafide,
                "n_attack": group.n_attack,
                "detectors": {name: _short(one) for name, one in group.summaries.items()},
            }
            for group in comparison.groups
        ],
    }


def _short(summary: Summary) -> dict[str, Any]:
    eer = summary.eer
    return {
        "eer": None if eer is None else {"value": eer.rate.value, "interval": list(eer.interval)},
        "bpcer": rate_document(summary.bpcer),
        "let_through": rate_document(summary.let_through),
    }


def _overall(comparison: Comparison) -> Table:
    rate = ("95 %", "errors / n")
    table = figure_table(
        "detector", "EER", "95 %", "BPCER", *rate, "let through", *rate, "worst species"
    )
    for name in comparison.names:
        one = comparison.overall[name]
        eer = ("", "")
        if one.eer is not None:
            eer = (percent(one.eer.rate.value), interval(one.eer.interval))
        worst = next(iter(one.apcer), "")
        table.add_row(
            plain(name), *eer, *three_cells(one.bpcer), *three_cells(one.let_through), plain(worst)
        )
    return table


def _groups(title: str, groups: list[Group], names: tuple[str, ...]) -> Table:
    """One line a detector: beside one another they would not fit a screen."""
    table = figure_table(title, "n", "detector", "EER", "BPCER", "let through")
    for group in groups:
        size = f"{group.n_bonafide} + {group.n_attack}"
        for index, name in enumerate(names):
            one = group.summaries[name]
            eer = "" if one.eer is None else _with_interval(one.eer.rate.value, one.eer.interval)
            first = (plain(group.name), size) if index == 0 else ("", "")
            table.add_row(*first, plain(name), eer, _rate(one.bpcer), _rate(one.let_through))
    return table


def _rate(rate: Rate) -> str:
    return _with_interval(rate.value, rate.interval) if rate.n else ""


def _with_interval(value: float, bounds: tuple[float, float]) -> str:
    return f"{percent(value)} [{100 * bounds[0]:.0f} - {100 * bounds[1]:.0f}]"
