"""`bonafide keys`, `models`, `policy` and `--version`."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from service.cli.app import app
from service.database import Database
from service.keys import identify
from service.settings import Settings
from verdict.policy import load_policy


def _run(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_key_works_until_it_is_revoked(tmp_path: Path) -> None:
    made = _run("keys", "create", "--data-dir", tmp_path, "--casing", "camel", "--name", "shop")
    text = made.strip()
    assert re.fullmatch(r"bf_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", text)
    database = Database(Settings(data_dir=tmp_path))
    caller = identify(database, text)
    assert caller is not None
    assert caller.casing == "camel"

    listed = json.loads(_run("keys", "list", "--data-dir", tmp_path, "--json"))["keys"]
    assert [(key["name"], key["revoked"]) for key in listed] == [("shop", False)]
    assert text.rsplit("_", 1)[-1] not in _run("keys", "list", "--data-dir", tmp_path)

    _run("keys", "revoke", listed[0]["id"], "--data-dir", tmp_path)
    assert identify(database, text) is None
    database.close()
    again = CliRunner().invoke(
        app, ["keys", "revoke", listed[0]["id"], "--data-dir", str(tmp_path)]
    )
    assert (again.exit_code, "[KEY_NOT_FOUND]" in again.stderr) == (2, True)


def test_keys_are_printed_alone_so_that_a_shell_can_take_them(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["keys", "create", "--data-dir", str(tmp_path)])
    assert result.stdout.count("\n") == 1
    assert "shown this once" in result.stderr


def test_models_say_what_is_in_force_and_from_where() -> None:
    models = {model["name"]: model for model in json.loads(_run("models", "--json"))["models"]}
    wheel = models["voice-activity"]
    assert (wheel["state"], wheel["in_force"]) == ("verified", True)
    assert len(wheel["sha256"]) == 64
    assert Path(wheel["path"]).exists()
    assert models["whisper"]["in_force"] is False
    for model in models.values():
        assert model["source"]
        assert model["licence"]
    shown = _run("models")
    assert "not here (brought by the deployment)" in shown


def test_a_whisper_checkpoint_is_shown_from_where_it_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "base.pt"
    checkpoint.write_bytes(b"weights")
    monkeypatch.setenv("BONAFIDE_WHISPER_CHECKPOINT", str(checkpoint))
    models = {model["name"]: model for model in json.loads(_run("models", "--json"))["models"]}
    assert models["whisper"]["path"] == str(checkpoint)
    assert models["whisper"]["in_force"] is True
    assert models["phones-hama"]["in_force"] is False
    assert "bundled recogniser" not in _run("models")


def test_of_two_speaker_encoders_the_one_of_the_policy_is_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "spkrec-ecapa-voxceleb" / "embedding_model.ckpt"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    monkeypatch.setenv("BONAFIDE_MODELS_FOLDER", str(tmp_path))
    models = {model["name"]: model for model in json.loads(_run("models", "--json"))["models"]}
    assert models["speaker-ecapa"]["state"] == "present"
    assert models["speaker-ecapa"]["in_force"] is False
    assert models["speaker-ge2e"]["in_force"] is True


def test_a_known_classifier_is_found_in_the_folder_that_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "pellav2" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    monkeypatch.setenv("BONAFIDE_VOICE_MODEL_FOLDER", str(weights.parent))
    models = {model["name"]: model for model in json.loads(_run("models", "--json"))["models"]}
    assert models["xls-r-pellav2"]["path"] == str(weights)
    assert models["xls-r-pellav2"]["in_force"] is False  # the policy has the embedded one decide
    assert models["xls-r-gustking"]["state"] == "absent"


def test_the_voice_detector_in_force_and_its_limits_are_said() -> None:
    document = json.loads(_run("models", "--json"))
    voice = {one["name"]: one for one in document["voice"]["detectors"]}
    assert [name for name, one in voice.items() if one["in_force"]] == ["embedded"]
    assert voice["embedded"]["calibration"] == "calibrated"
    assert "split dev" in voice["embedded"]["basis"]
    assert document["voice"]["limits"].startswith("the embedded detector decides alone.")
    models = {model["name"]: model for model in document["models"]}
    assert models["embedded"]["in_force"] is True
    assert models["aasist"]["in_force"] is False
    assert models["xls-r-pellav2"]["licence"] == "MIT"
    assert models["xls-r-pellav2"]["install"].startswith("hf download Sadanie/pellav2")
    shown = " ".join(_run("models").split())
    assert "What can't be caught: the embedded detector decides alone." in shown
    assert "to have it hf download" in shown
    assert "What is not understood: the bundled recogniser hears the phrase" in shown
    assert "set BONAFIDE_WHISPER_CHECKPOINT" in document["voice"]["recogniser_limits"]


def test_a_voice_detector_that_can_not_decide_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'version = "own"\n[voice.detector.in_force]\nvalue = "transformers"\nunit = "name"\n'
        'source = "measured"\nbasis = "a test"\ndate = 2026-11-21\n'
    )
    monkeypatch.setenv("BONAFIDE_POLICY_FILE", str(own))
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 1
    assert "error [DETECTOR_NOT_READY]: no transformers detector is given; set" in result.stderr
    assert "What can't be caught" not in result.stdout


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("MODELS_FOLDER", "folder"),
        ("VOICE_MODEL_FOLDER", "folder"),
        ("WHISPER_CHECKPOINT", "file"),
        ("POLICY_FILE", "file"),
    ],
)
def test_a_path_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    monkeypatch.setenv(f"BONAFIDE_{name}", str(tmp_path / "gone"))
    result = CliRunner().invoke(app, ["models"])
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert f"error [BAD_SETTINGS]: BONAFIDE_{name}: Value error, there is no {kind}" in said


def test_a_file_that_is_not_the_registered_one_is_refused_and_where_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aasist").mkdir()
    (tmp_path / "aasist" / "AASIST.pth").write_bytes(b"other weights")
    monkeypatch.setenv("BONAFIDE_MODELS_FOLDER", str(tmp_path))
    result = CliRunner().invoke(app, ["models", "--json"])
    assert result.exit_code == 1
    assert "error [MODEL_REFUSED]" in result.stderr
    assert "AASIST.pth is not the file registered as 'aasist': get it from" in result.stderr
    assert "github clovaai/aasist" in " ".join(result.stderr.split())


def test_the_policy_is_listed_with_its_provenance() -> None:
    document = json.loads(_run("policy", "--json"))
    assert document["digest"] == load_policy().digest
    assert len(document["entries"]) == len(load_policy().entries)
    assert all(entry["basis"] for entry in document["entries"])
    shown = _run("policy", "verdict.")
    assert "verdict.minimum_confidence" in shown
    assert "liveness." not in shown


def test_an_overlay_shows_in_the_policy(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'version = "bank-1"\n[verdict.voice_threshold]\nvalue = 50\nunit = "risk 0-100"\n'
        'source = "measured"\nbasis = "own recordings, n = 40"\ndate = 2026-11-20\n'
    )
    document = json.loads(_run("policy", "verdict.voice", "--policy", own, "--json"))
    assert document["version"] == "bank-1"
    assert [entry["value"] for entry in document["entries"]] == [50.0]


def test_settings_that_are_wrong_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BONAFIDE_PORT", "many")
    result = CliRunner().invoke(app, ["models"])
    assert (result.exit_code, "BONAFIDE_PORT" in result.stderr) == (2, True)


def test_version() -> None:
    assert _run("--version") == f"bonafide {version('bonafide')}\n"


def test_serve_refuses_a_phrase_that_cannot_be_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BONAFIDE_CHALLENGE_LANGUAGE", "de")
    result = CliRunner().invoke(app, ["serve", "--data-dir", str(tmp_path), "--port", "0"])
    assert result.exit_code == 2
    assert "error [BAD_SETTINGS]" in result.output
    assert "bundled recogniser hears English only" in result.output
