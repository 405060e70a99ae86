"""Parts of the service by themselves: casing, lifecycle, words, signing, logs, settings."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from layers.voice.challenge import vocabulary_of
from layers.voice.normalise import normalise
from layers.voice.pronunciation import pronunciations
from service.captures.media_type import recognise
from service.casing import Casing, cased, to_camel
from service.challenge import ChallengeError, PhraseRecipe, draw_steps, recipe_of
from service.clock import as_datetime, as_ms, as_wire
from service.database import Database
from service.lifecycle import after_verdict, is_final, next_attempt
from service.logs import JsonLines
from service.settings import Settings
from service.signing import SecretError, Signer, load_signer
from service.tables import AttemptState, PhraseMode, SessionStatus, Workflow
from verdict.rules import Outcome, ReasonCode


def test_camel_case_of_fields_and_not_of_data() -> None:
    given_value = {
        "session_record": {"created_at": "x", "signals": ["TEXTURE_SMOOTHING"]},
        "signals": {"TEXTURE_SMOOTHING": {"p_attack": 0.5}},
        "models": {"face_mesh": "ab"},
        "plain": [{"inner_key": 1}],
    }
    assert cased(given_value, Casing.SNAKE) is given_value
    assert cased(given_value, Casing.CAMEL) == {
        "sessionRecord": {"createdAt": "x", "signals": ["TEXTURE_SMOOTHING"]},
        "signals": {"TEXTURE_SMOOTHING": {"pAttack": 0.5}},
        "models": {"face_mesh": "ab"},
        "plain": [{"innerKey": 1}],
    }


@pytest.mark.parametrize("name", ["id", "applicantViewTime", "TOO_DARK", "0001_x"])
def test_what_is_not_snake_case_stays(name: str) -> None:
    assert to_camel(name) == name


def test_time_on_the_wire() -> None:
    assert as_wire(1_795_166_400_007) == "2026-11-20T09:20:00.007Z"


@given(st.integers(min_value=0, max_value=4_000_000_000_000))
def test_time_there_and_back(ms: int) -> None:
    assert as_ms(as_datetime(ms)) == ms


@pytest.mark.parametrize(
    ("outcome", "steps_left", "auto", "status", "review"),
    [
        (Outcome.REJECT, 0, True, "REJECTED", False),
        (Outcome.REJECT, 1, True, "REJECTED", False),
        (Outcome.REVIEW, 0, True, "SUBMITTED", True),
        (Outcome.CONTINUE, 1, True, "PENDING", False),
        (Outcome.CONTINUE, 0, True, "VERIFIED", False),
        (Outcome.CONTINUE, 0, False, "SUBMITTED", False),
    ],
)
def test_where_a_verdict_puts_the_session(
    outcome: Outcome, steps_left: int, auto: bool, status: str, review: bool
) -> None:
    standing = after_verdict(outcome, steps_left=steps_left, auto_verify=auto)
    assert (standing.status, standing.review_required) == (status, review)


@given(
    st.sampled_from(SessionStatus),
    st.sampled_from(AttemptState),
    st.integers(min_value=-1, max_value=3),
    st.none() | st.sampled_from(ReasonCode),
    st.integers(min_value=0, max_value=2),
)
def test_nothing_starts_from_a_final_session_or_beyond_the_limit(
    status: SessionStatus, latest: AttemptState, left: int, reason: ReasonCode | None, poor: int
) -> None:
    option = next_attempt(status, latest, left, reason, poor)
    if is_final(status, left):
        assert option.refusal == "SESSION_TERMINAL"
    if option.refusal is None and not option.renews_link:
        assert left > 0
        assert latest not in (AttemptState.QUEUED, AttemptState.RUNNING)


def test_phrases_and_steps_vary() -> None:
    assert len({PhraseRecipe().draw() for _ in range(50)}) > 40
    assert PhraseRecipe(PhraseMode.CUSTOM, " open sesame ").draw() == "open sesame"
    assert all(len(PhraseRecipe(PhraseMode.DIGITS).draw().split()) == 5 for _ in range(5))
    orders = {tuple(draw_steps()) for _ in range(200)}
    assert len(orders) > 12  # of 24


@pytest.mark.parametrize(
    ("recipe", "vocabulary"),
    [
        (PhraseRecipe(), "words"),
        (PhraseRecipe(PhraseMode.DIGITS), "digits"),
        (PhraseRecipe(PhraseMode.CUSTOM, "4815"), "digits"),
        (PhraseRecipe(PhraseMode.CUSTOM, "Don't open the caf\u00e9 at 42!"), "open"),
    ],
)
def test_every_phrase_is_one_that_the_voice_layer_can_match(
    recipe: PhraseRecipe, vocabulary: str
) -> None:
    recipe.check(has_whisper=False)
    words = normalise(recipe.draw())
    assert vocabulary_of(words).name == vocabulary
    assert all(pronunciations(word) for word in words)


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (PhraseRecipe(language="de"), "hears English only"),
        (PhraseRecipe(PhraseMode.CUSTOM, "guten tag", "de"), "BONAFIDE_WHISPER_CHECKPOINT"),
        (PhraseRecipe(PhraseMode.CUSTOM, "open xyzzyq"), "does not know every word"),
        (PhraseRecipe(PhraseMode.CUSTOM, None), "1 to 10 words"),
        (PhraseRecipe(PhraseMode.CUSTOM, " ?! "), "1 to 10 words"),
        (PhraseRecipe(PhraseMode.CUSTOM, "a " * 11), "1 to 10 words"),
    ],
)
def test_what_the_bundled_recogniser_cannot_hear_is_refused(
    recipe: PhraseRecipe, says: str
) -> None:
    with pytest.raises(ChallengeError, match=says):
        recipe.check(has_whisper=False)


def test_whisper_hears_more_but_a_list_is_still_needed() -> None:
    PhraseRecipe(PhraseMode.CUSTOM, "guten tag", "de").check(has_whisper=True)
    PhraseRecipe(PhraseMode.DIGITS, language="de").check(has_whisper=True)
    with pytest.raises(ChallengeError, match="no list of words"):
        PhraseRecipe(language="de").check(has_whisper=True)
    with pytest.raises(ChallengeError, match="no digits"):
        PhraseRecipe(PhraseMode.DIGITS, language="xx").check(has_whisper=True)


def test_a_workflow_of_an_unknown_mode_is_refused() -> None:
    workflow = Workflow(
        organization_id="o", name="w", attempt_limit=1, auto_verify=False, phrase_mode="song"
    )
    with pytest.raises(ChallengeError, match="phrase_mode"):
        recipe_of(workflow)


def test_each_purpose_and_link_has_its_own_signature() -> None:
    signer = Signer(b"s" * 32)
    tokens = {signer.capture_token("a", 1), signer.capture_token("a", 2)}
    tokens |= {signer.capture_token("b", 1), Signer(b"t" * 32).capture_token("a", 1)}
    assert len(tokens) == 4
    good = signer.media_signature("c", "audio.wav", 10, "key")
    assert signer.media_signature_is_valid("c", "audio.wav", 10, "key", good)
    assert not signer.media_signature_is_valid("c", "audio.wav", 11, "key", good)
    assert not signer.media_signature_is_valid("c", "frame.jpg", 10, "key", good)
    assert not signer.media_signature_is_valid("c", "audio.wav", 10, "other", good)
    assert not signer.media_signature_is_valid("c", "audio.wav", 10, "key", "ä")


def test_secret_is_made_once_and_kept_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    assert load_signer(settings) == load_signer(settings)
    path = tmp_path / "data" / "secret.key"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"short")
    with pytest.raises(SecretError, match="damaged"):
        load_signer(settings)
    with pytest.raises(SecretError, match="at least 32"):
        load_signer(Settings(data_dir=tmp_path, secret_key=SecretStr("short")))


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BONAFIDE_ATTEMPT_LIMIT", "5")
    monkeypatch.setenv("BONAFIDE_PUBLIC_URL", "https://kyc.example.com")
    assert Settings().attempt_limit == 5
    monkeypatch.setenv("BONAFIDE_PUBLIC_URL", "https://kyc.example.com/")
    with pytest.raises(ValidationError, match="slash"):
        Settings()


def test_log_lines_hold_known_fields_only() -> None:
    record = logging.makeLogRecord(
        {"name": "service.http", "msg": "request", "status": 200, "path": "/s/secret-token"}
    )
    line = json.loads(JsonLines().format(record))
    assert line["status"] == 200
    assert "secret" not in json.dumps(line)


@pytest.mark.parametrize(
    ("head", "extension"),
    [
        (b"\xff\xd8\xff\xe0", "jpg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav"),
        (b"fLaC", "flac"),
        (b"OggS", "ogg"),
        (b"\x1a\x45\xdf\xa3", "webm"),
        (b"\x00\x00\x00\x20ftypisom", "mp4"),
        (b"ID3\x04", "mp3"),
        (b"\xff\xfb\x90\x00", "mp3"),
        (b"\xff\xf1\x50\x80", "aac"),
        (b"GIF89a", None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_media_is_known_by_its_first_bytes(head: bytes, extension: str | None) -> None:
    kind = recognise(head)
    assert (None if kind is None else kind.extension) == extension


def test_log_line_of_a_fault_says_where_and_not_what() -> None:
    try:
        raise ValueError("secret words")
    except ValueError:
        record = logging.makeLogRecord({"msg": "request failed", "exc_info": sys.exc_info()})
    line = json.loads(JsonLines().format(record))
    assert line["error"] == "ValueError"
    assert line["where"][-1].startswith("test_service_parts.py:")
    assert "secret" not in json.dumps(line)


def test_data_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    Database(settings).close()
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700
