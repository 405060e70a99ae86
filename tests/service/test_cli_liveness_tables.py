"""`bonafide evaluate liveness --table`: what it asks for, and a table without recordings."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli.app import app


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "manifest.csv"
    path.write_text("path,label,split,identity\n")
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--table", "all"], "needs --split"), (["--split", "dev", "--table", "x"], "there are")],
)
def test_wrong_arguments_say_what_to_do(manifest: Path, options: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["evaluate", "liveness", str(manifest), *options])
    assert result.exit_code != 0
    assert message in result.output


def test_a_table_is_printed_as_markdown(manifest: Path) -> None:
    asked = ["evaluate", "liveness", str(manifest), "--split", "dev", "--table", "recorded"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert "### As recorded" in result.output
