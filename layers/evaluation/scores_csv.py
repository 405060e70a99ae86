"""The scores of every row as CSV, for figures that this project does not compute itself."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from layers.evaluation.scoring import LayerScore, ScoredRow
from verdict.evidence import CheckName, LayerName

_COLUMNS = ("path", "label", "generator", "p_attack", "confidence")


def columns_for(layer: LayerName) -> tuple[str, ...]:
    """Return the header of the scores of `layer`."""
    if layer is LayerName.LIVENESS:
        return (*_COLUMNS, *CheckName, *(f"{name}_value" for name in CheckName))
    return (*_COLUMNS, "signals") if layer is LayerName.VISION else _COLUMNS


def write_scores(layer: LayerName, rows: Iterable[ScoredRow], file: Path) -> None:
    """Write one line per row of the manifest; a row without a score keeps its empty cells.

    Parameters
    ----------
    file
        Replaced when it exists.
    """
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns_for(layer), restval="", lineterminator="\n")
        writer.writeheader()
        for scored in rows:
            row = scored.row
            cells = {"path": row.path, "label": row.label, "generator": row.generator}
            writer.writerow(cells | (_cells(layer, scored.score) if scored.score else {}))


def write_detector_scores(rows: Iterable[ScoredRow], names: Sequence[str], file: Path) -> None:
    """Write one line per row of the manifest with `p_attack` by each detector."""
    columns = ("path", "label", "generator", "source", *(f"{name}_p_attack" for name in names))
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for scored in rows:
            row = scored.row
            said = scored.score.detectors if scored.score else {}
            risks = [_number(said.get(name)) for name in names]
            writer.writerow((row.path, row.label, row.generator, row.source, *risks))


def _cells(layer: LayerName, score: LayerScore) -> dict[str, str]:
    cells = {"p_attack": _number(score.p_attack), "confidence": _number(score.confidence)}
    if layer is LayerName.LIVENESS:
        for name, outcome in score.checks.items():
            cells[str(name)] = "true" if outcome.passed else "false"
            cells[f"{name}_value"] = _number(outcome.value)
    if layer is LayerName.VISION:
        cells["signals"] = " ".join(score.signals)
    return cells


def _number(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.6f}"
