"""`bonafide analyze`: bad input in one line, and one whole analysis as a user would run it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from service.cli.app import app
from service.cli.tables import print_analysis
from service.demo.attack import make_attack
from tests import builders
from verdict.engine import decide
from verdict.evidence import Evidence, FailureKind, LayerName, NotExecuted, SignalCode
from verdict.policy import load_policy
from verdict.wire import detection_data, detection_evidence


def _refused(*arguments: object) -> str:
    """Run the command, expect exit code 2 and one line on stderr, and return it."""
    result = CliRunner().invoke(app, ["analyze", *map(str, arguments)])
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_nothing_to_analyse() -> None:
    assert "error [BAD_ARGUMENTS]: nothing to analyse" in _refused()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "error [FILE_NOT_FOUND]: --video" in _refused("--video", tmp_path / "no.mp4")
    assert "is a folder" in _refused("--video", tmp_path)


def test_a_video_and_frames_at_once(tmp_path: Path) -> None:
    video, frames = tmp_path / "a.mp4", tmp_path / "frames"
    video.write_bytes(b"x")
    frames.mkdir()
    assert "[BAD_CAPTURE_JSON]" in _refused("--frames", frames)
    attack = make_attack("cherry", ["neutral"], frames)
    found = _refused("--video", video, "--frames", attack.folder)
    assert "error [BAD_ARGUMENTS]: give either a video or a folder" in found


def test_an_empty_phrase(tmp_path: Path) -> None:
    sound = tmp_path / "a.wav"
    sound.write_bytes(b"x")
    assert "error [BAD_PHRASE]" in _refused("--audio", sound, "--phrase", " ")


def test_a_policy_that_names_what_does_not_exist(tmp_path: Path) -> None:
    policy = tmp_path / "own.toml"
    policy.write_text(
        'version = "x"\n[verdict.no_such]\nvalue = 1\nunit = "1"\nsource = "measured"\n'
        'basis = "b"\ndate = 2026-11-20\n'
    )
    assert "error [BAD_POLICY]" in _refused("--audio", policy, "--policy", policy)
    assert "error [BAD_POLICY]" in _refused("--audio", policy, "--policy", tmp_path / "no.toml")


def test_a_text_file_called_mp4(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text("not a video at all " * 100)
    assert "error [UNREADABLE_MEDIA]" in _refused("--video", path)


@pytest.mark.timeout(300)
def test_a_whole_analysis(tmp_path: Path) -> None:
    """One subprocess, as a user runs it: JSON alone on stdout, a report, exit code 0."""
    attack = make_attack("cherry", ["neutral", "turn_left", "speak"], tmp_path / "attack")
    report = tmp_path / "report.html"
    command = [sys.executable, "-m", "service.cli", "analyze", "--frames", str(attack.folder)]
    done = subprocess.run(
        [*command, "--json", "--report", str(report)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    data, evidence = (document[f"deepfake_detection_{part}"] for part in ("data", "evidence"))
    assert evidence["not_executed"] == []
    assert evidence["word_rule"] == "skipped"
    assert data["layer_results"]["voice"]["word_match"] is None
    # A flat picture was turned: nobody turned a head.
    assert data["layer_results"]["liveness"]["checks"]["head_movement"] is False
    assert (data["verdict"], evidence["reason_code"]) == ("DEEPFAKE", "liveness_failed")
    assert done.stderr == "no --phrase was given: the word rule was skipped\n"
    page = report.read_text()
    assert page.count("<svg viewBox") >= 5  # the diagrams over time
    assert page.count('<svg class="panel"') >= 3  # heat of the blending network


@pytest.mark.parametrize(
    ("evidence", "texts"),
    [
        (builders.evidence(), ["LIVE", "words said", "rule 6"]),
        (
            builders.evidence(vision_result=builders.vision(90, 90, SignalCode.TEETH_RENDERING)),
            ["DEEPFAKE", "TEETH_RENDERING", "fired", "rule 3"],
        ),
        (
            builders.evidence(voice_result=builders.voice(13, 88, match=None)),
            ["word rule skipped: no phrase was asked"],
        ),
        (
            builders.evidence(NotExecuted(LayerName.LIVENESS, FailureKind.CRASHED, "[odd] end")),
            ["INCONCLUSIVE", "liveness did not run: [odd] end"],
        ),
    ],
)
def test_people_read_what_decided(evidence: Evidence, texts: list[str]) -> None:
    decision = decide(evidence, load_policy())
    sink = io.StringIO()
    console = Console(file=sink, width=160)
    print_analysis(
        console, detection_data(decision, datetime.now(UTC)), detection_evidence(decision)
    )
    shown = sink.getvalue()
    for text in texts:
        assert text in shown
