"""Figures from scored rows, against counts made by hand."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from layers.evaluation.manifest import ManifestRow
from layers.evaluation.scores_csv import columns_for, write_scores
from layers.evaluation.scoring import LayerScore, ScoredRow, of_liveness, of_vision, of_voice
from layers.evaluation.summary import summarise
from tests import builders
from verdict.evidence import CheckName, LayerName, SignalCode
from verdict.policy import load_policy


def _row(
    p_attack: float | None,
    label: str = "bonafide",
    generator: str = "",
    source: str = "",
    confidence: float | None = 0.9,
) -> ScoredRow:
    row = ManifestRow("clip", Path("clip"), label, generator, source)
    if p_attack is None:
        return ScoredRow(row, None, "EMPTY_FILE: no bytes")
    return ScoredRow(row, LayerScore(p_attack, confidence))


def test_rates_are_taken_at_the_shipped_threshold() -> None:
    rows = [_row(0.2), _row(0.6), _row(0.61), _row(0.1)]
    rows += [_row(0.9, "fake", "a"), _row(0.3, "fake", "b"), _row(0.8, "fake", "b")]
    found = summarise(LayerName.VOICE, rows, load_policy())
    assert (found.n_bonafide, found.n_attack, found.threshold) == (4, 3, 60.0)
    # 0.6 is at the threshold, not above it.
    assert (found.bpcer.errors, found.bpcer.n) == (1, 4)
    assert [(name, rate.value) for name, rate in found.apcer.items()] == [("b", 0.5), ("a", 0.0)]
    assert (found.let_through.errors, found.let_through.n) == (1, 3)


def test_risks_are_compared_as_the_rules_compare_them() -> None:
    found = summarise(LayerName.VISION, [_row(0.7049), _row(0.7051)], load_policy())
    assert found.bpcer.errors == 1


def test_one_failed_check_rejects() -> None:
    passed = ScoredRow(_row(0.0).row, of_liveness(builders.liveness()))
    failed = ScoredRow(
        _row(0.0, "replay").row, of_liveness(builders.liveness(CheckName.BLINK_DETECTION))
    )
    found = summarise(LayerName.LIVENESS, [passed, failed], load_policy())
    assert failed.score is not None
    assert failed.score.p_attack == 0.25
    assert found.threshold is None
    assert found.bpcer.errors == 0
    assert found.apcer["replay"].errors == 0
    blink = next(mark for mark in found.marks if mark.name == "blink_detection")
    assert (blink.bonafide.value, blink.attack.value) == (0.0, 1.0)


def test_signals_are_counted_apart() -> None:
    genuine = ScoredRow(_row(0.0).row, of_vision(builders.vision(10, 90)))
    attack = ScoredRow(
        _row(0.0, "swap").row, of_vision(builders.vision(90, 90, SignalCode.TEETH_RENDERING))
    )
    found = summarise(LayerName.VISION, [genuine, attack], load_policy())
    fired = {mark.name: mark.attack.errors for mark in found.marks}
    assert fired.pop("TEETH_RENDERING") == 1
    assert not any(fired.values())


def test_unreadable_rows_are_in_no_rate() -> None:
    found = summarise(LayerName.VOICE, [_row(0.1), _row(None), _row(None, "fake")], load_policy())
    assert (found.n_bonafide, found.n_attack, len(found.unscored)) == (1, 0, 2)
    assert found.eer is None


def test_low_confidence_counts_where_the_risk_did_not_decide() -> None:
    rows = [_row(0.1, confidence=0.5), _row(0.9, confidence=0.5), _row(0.1, confidence=None)]
    rows += [_row(0.1, "fake", confidence=0.2), _row(0.1, "fake", confidence=0.7)]
    found = summarise(LayerName.VOICE, rows, load_policy())
    assert (found.bpnrr.errors, found.bpnrr.n) == (2, 3)
    assert (found.apnrr.errors, found.apnrr.n) == (1, 2)


def test_sources_stand_apart_and_one_class_has_no_equal_error() -> None:
    rows = [_row(0.1, source="x"), _row(0.9, "fake", source="x"), _row(0.7, source="y")]
    found = summarise(LayerName.VOICE, rows, load_policy())
    assert [(one.source, one.eer) for one in found.sources] == [("x", 0.0), ("y", None)]
    assert found.sources[1].bpcer.value == 1.0
    assert summarise(LayerName.VOICE, [_row(0.1)], load_policy()).sources == ()


@pytest.mark.parametrize(
    ("layer", "score", "cells"),
    [
        (LayerName.VOICE, of_voice(builders.voice(25, None)), {"p_attack": "0.250000"}),
        (
            LayerName.VISION,
            of_vision(
                builders.vision(80, 90, SignalCode.TEETH_RENDERING, SignalCode.BLINK_FAILURE)
            ),
            {"signals": "BLINK_FAILURE TEETH_RENDERING", "confidence": "0.900000"},
        ),
        (
            LayerName.LIVENESS,
            of_liveness(builders.liveness(CheckName.FRAME_TIMING)),
            {"p_attack": "0.250000", "frame_timing": "false", "frame_timing_value": "0.000000"},
        ),
    ],
)
def test_scores_are_written_for_every_row(
    tmp_path: Path, layer: LayerName, score: LayerScore, cells: dict[str, str]
) -> None:
    file = tmp_path / "scores.csv"
    write_scores(layer, [ScoredRow(_row(0.0, "fake", "g").row, score), _row(None)], file)
    with file.open(newline="") as stream:
        first, second = csv.DictReader(stream)
    assert tuple(first) == columns_for(layer)
    assert first.items() >= ({"path": "clip", "label": "fake", "generator": "g"} | cells).items()
    assert (second["label"], second["p_attack"], second["confidence"]) == ("bonafide", "", "")


def test_headers_are_those_of_the_issue() -> None:
    common = "path,label,generator,p_attack,confidence"
    checks = "landmark_detection,blink_detection,head_movement,frame_timing"
    assert ",".join(columns_for(LayerName.VOICE)) == common
    assert ",".join(columns_for(LayerName.VISION)) == f"{common},signals"
    values = ",".join(f"{name}_value" for name in checks.split(","))
    assert ",".join(columns_for(LayerName.LIVENESS)) == f"{common},{checks},{values}"
