"""`bonafide evaluate`: rows that can't be read, figures for people and machines, bad manifests."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from layers.evaluation.detectors import compare
from layers.evaluation.manifest import ManifestRow
from layers.evaluation.scoring import LayerScore, ScoredRow, of_liveness
from layers.evaluation.summary import summarise
from service.cli.app import app
from service.cli.detector_figures import comparison_document, print_comparison
from service.cli.figures import print_summary, summary_document
from service.demo.speech import FIXTURES
from tests import builders
from verdict.evidence import CheckName, LayerName
from verdict.policy import load_policy


def _rows(layer: LayerName) -> list[ScoredRow]:
    def row(p_attack: float, label: str, generator: str = "") -> ScoredRow:
        score = LayerScore(p_attack, 0.9)
        if layer is LayerName.LIVENESS:
            failing = [CheckName.BLINK_DETECTION] if p_attack > 0.5 else []
            score = of_liveness(builders.liveness(*failing))
        return ScoredRow(ManifestRow("a", Path("a"), label, generator, "lab [1]"), score)

    scored = [row(0.1, "bonafide"), row(0.9, "bonafide"), row(0.9, "fake", "gen [x]")]
    unread = ScoredRow(ManifestRow("b", Path("b"), "bonafide"), None, "EMPTY_FILE: no bytes")
    return [*scored, row(0.1, "fake", "other"), unread]


@pytest.mark.parametrize("layer", list(LayerName))
def test_figures_for_people_and_for_machines_are_the_same(layer: LayerName) -> None:
    policy = load_policy()
    summary = summarise(layer, _rows(layer), policy)
    sink = io.StringIO()
    print_summary(Console(file=sink, width=200), summary, policy)
    shown = sink.getvalue()
    for text in ("2 bona fide, 2 attacks, 1 not scored", "gen [x]", "lab [1]", "50.0 %"):
        assert text in shown
    document = json.loads(json.dumps(summary_document(summary, policy), allow_nan=False))
    assert document["bpcer"] == {
        "value": 0.5,
        "interval": pytest.approx([0.01258, 0.98742], abs=1e-5),
        "errors": 1,
        "n": 2,
    }
    assert list(document["apcer"]) == ["other", "gen [x]"]
    assert document["apcer_worst_species"] == "other"
    assert document["eer"]["value"] == 0.5
    assert document["not_scored"] == [
        {"path": "b", "label": "bonafide", "error": "EMPTY_FILE: no bytes"}
    ]


@pytest.mark.timeout(300)
def test_a_file_that_can_not_be_read_is_a_row_without_a_score(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "words.flac", tmp_path / "speech.flac")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.mp3").write_text("this is no sound " * 50)
    manifest, scores = tmp_path / "m.csv", tmp_path / "scores.csv"
    manifest.write_text(
        "path,label,generator\nempty.wav,bonafide,\nspeech.flac,synthetic,espeak-ng\n"
        "text.mp3,synthetic,x\nmissing.flac,bonafide,\n"
    )
    arguments = ["evaluate", "voice", str(manifest), "--scores", str(scores), "--json"]
    result = CliRunner().invoke(app, [*arguments, "--jobs", "1"])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert (document["n_bonafide"], document["n_attack"]) == (0, 1)
    assert [row["path"] for row in document["not_scored"]] == [
        "empty.wav",
        "text.mp3",
        "missing.flac",
    ]
    assert result.stderr.count("not scored: ") == 3
    with scores.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["path", "label", "generator", "p_attack", "confidence"]
    assert [bool(row["p_attack"]) for row in rows] == [False, True, False, False]
    assert 0.0 <= float(rows[1]["p_attack"]) <= 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["voice", "{manifest}", "--split", "dev"], "[BAD_MANIFEST]"),
        (["voice", "{manifest}", "--detector", "best"], "--detector: there is no voice detector"),
        (["voice", "{manifest}", "--detector", "aasist"], "[DETECTOR_NOT_READY]: the voice detec"),
        (["voice", "{manifest}", "--where", "label"], "[BAD_ARGUMENTS]: --where wants COLUMN="),
        (["liveness", "{manifest}"], "no row to measure liveness on"),
        (["vision", "{manifest}", "--scores", "/no/such/folder/x.csv"], "[FILE_NOT_FOUND]"),
        (["vision", "no.csv"], "[FILE_NOT_FOUND]"),
        (["phrase", "{manifest}"], "[BAD_MANIFEST]"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,label\nphoto.jpg,bonafide\n")
    given = [argument.format(manifest=manifest) for argument in arguments]
    result = CliRunner().invoke(app, ["evaluate", *given])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def _asked(p_first: float, p_second: float, label: str, **where: Any) -> ScoredRow:
    row = ManifestRow("a", Path("a"), label, **where)
    score = LayerScore(p_first, 0.9, detectors={"embedded": p_first, "aasist": p_second})
    return ScoredRow(row, score)


def test_detectors_stand_side_by_side_on_the_same_rows() -> None:
    rows = [
        _asked(0.1, 0.9, "bonafide", source="lab", codec="flac", is_paired=True),
        _asked(0.2, 0.1, "bonafide", source="home", codec="mp3"),
        _asked(0.9, 0.2, "fake", generator="gen [x]", source="lab", codec="flac", is_paired=True),
        _asked(0.3, 0.9, "fake", generator="other", source="lab", is_generator_new=True),
        ScoredRow(ManifestRow("b", Path("b"), "bonafide"), None, "EMPTY_FILE: no bytes"),
    ]
    policy = load_policy()
    comparison = compare(rows, ("embedded", "aasist"), policy)
    document = json.loads(json.dumps(comparison_document(comparison, policy), allow_nan=False))
    overall = document["detectors"]
    assert [overall[name]["bpcer"]["errors"] for name in ("embedded", "aasist")] == [0, 1]
    assert overall["embedded"]["apcer_worst_species"] == "other"
    assert overall["aasist"]["apcer_worst_species"] == "gen [x]"
    groups = {(one["kind"], one["name"]): one for one in document["groups"]}
    paired = groups["rows", "paired pipeline"]
    assert (paired["n_bonafide"], paired["n_attack"]) == (1, 1)
    assert paired["detectors"]["embedded"]["eer"]["value"] == 0.0
    assert paired["detectors"]["aasist"]["eer"]["value"] == 1.0
    new = groups["rows", "generator not in train, and all bona fide"]
    assert (new["n_bonafide"], new["n_attack"]) == (2, 1)
    assert ("rows", "speaker not in train") not in groups
    assert {name for kind, name in groups if kind == "codec"} == {"flac", "mp3"}
    # Worst of the first detector first.
    assert [name for kind, name in groups if kind == "generator"] == ["other", "gen [x]"]
    sink = io.StringIO()
    print_comparison(Console(file=sink, width=200), comparison, policy)
    shown = sink.getvalue()
    for text in ("2 bona fide, 2 attacks, 1 not scored", "gen [x]", "lab", "1 / 2", "50.0 %"):
        assert text in shown


@pytest.mark.timeout(300)
def test_one_run_scores_each_file_by_the_detectors_asked_for(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "words.flac", tmp_path / "speech.flac")
    (tmp_path / "empty.wav").touch()
    manifest, scores = tmp_path / "m.csv", tmp_path / "scores.csv"
    manifest.write_text("path,label,source\nspeech.flac,synthetic,made\nempty.wav,bonafide,x\n")
    arguments = ["evaluate", "voice", str(manifest), "--detector", "embedded", "--jobs", "1"]
    result = CliRunner().invoke(app, [*arguments, "--scores", str(scores), "--json"])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert list(document["detectors"]) == ["embedded"]
    assert document["detectors"]["embedded"]["n_attack"] == 1
    assert [row["path"] for row in document["detectors"]["embedded"]["not_scored"]] == ["empty.wav"]
    with scores.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [bool(row["embedded_p_attack"]) for row in rows] == [True, False]
