"""`bonafide evaluate phrase` and `evaluate words`: what they print, and what is wrong in a line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli.app import app
from service.demo.speech import speak_words, write_wav

HEADER = "path,label,source,speaker,language,text,truncated,use\n"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    write_wav(speak_words("tiger coffee machine"), tmp_path / "a.wav")
    line = "a.wav,bonafide,made,s0,en,tiger coffee machine,0,phrase\n"
    (tmp_path / "m.csv").write_text(HEADER + line)
    return tmp_path / "m.csv"


def test_the_table_has_every_kind_of_phrase_with_its_interval(manifest: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "phrase", str(manifest), "--json"])
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    rates = {rate["trial"]: rate for rate in document["rates"] if rate["group"] == "all"}
    assert rates["right phrase"]["accepted"] == 1
    for kind in ("one word changed", "one word not said", "order changed", "silence", "hum"):
        assert rates[kind]["accepted"] == 0
        assert rates[kind]["interval"][0] == 0.0 < rates[kind]["interval"][1]


def test_the_list_is_measured_without_a_synthesiser() -> None:
    result = CliRunner().invoke(app, ["evaluate", "words", "--json"])
    document = json.loads(result.stdout)
    assert document["smallest_distance"] == 0.5
    assert document["spoken"] is None
    assert len(document["words"]) == 53


@pytest.mark.parametrize("command", [["phrase", "{manifest}"], ["words", "--rounds", "1"]])
def test_what_is_no_whisper_checkpoint_is_one_line(command: list[str], manifest: Path) -> None:
    given = [part.format(manifest=manifest) for part in command]
    missing = CliRunner().invoke(app, ["evaluate", *given, "--whisper", "no.pt"])
    assert (missing.exit_code, missing.stderr.count("\n")) == (2, 1)
    assert "--whisper: there is no no.pt" in missing.stderr
    foreign = CliRunner().invoke(app, ["evaluate", *given, "--whisper", str(manifest)])
    assert (foreign.exit_code, foreign.stderr.count("\n")) == (2, 1)
    assert "[BAD_CHECKPOINT]" in foreign.stderr


def test_a_language_without_a_list_is_one_line() -> None:
    result = CliRunner().invoke(app, ["evaluate", "words", "--language", "xx"])
    assert result.exit_code == 2
    assert "no list for language 'xx'" in result.stderr
