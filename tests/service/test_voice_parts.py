"""Parts of the voice endpoints: cipher and its key, the header Prefer, the rules by themselves."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.api.voice import wait_asked
from service.settings import Settings
from service.voice.cipher import VoiceprintCipher, VoiceprintKeyError, load_cipher

KEY = bytes(range(32))


def test_only_the_owner_and_the_key_open_a_voiceprint() -> None:
    cipher, plain = VoiceprintCipher(KEY), b"a voice" * 100
    sealed = cipher.seal(plain, "org\0ada")
    assert cipher.open(sealed, "org\0ada") == plain
    assert plain[:7] not in sealed
    assert cipher.seal(plain, "org\0ada") != sealed  # a nonce is never used twice
    turned = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for key, content, owner in (
        (bytes(32), sealed, "org\0ada"),
        (KEY, sealed, "org\0bob"),
        (KEY, turned, "org\0ada"),
        (KEY, sealed[:10], "org\0ada"),
    ):
        with pytest.raises(VoiceprintKeyError, match="BONAFIDE_VOICEPRINT_KEY"):
            VoiceprintCipher(key).open(content, owner)


def test_the_key_is_made_once_for_its_owner_alone_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    made = load_cipher(settings)
    path = tmp_path / "data" / "voiceprint.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert load_cipher(settings).key == made.key
    assert len(caplog.records) == 1
    assert made.key.hex() not in repr(made)
    # A fresh key in the variable would void every voiceprint: the file's content goes there.
    assert "content of voiceprint.key" in caplog.text
    moved = Settings(data_dir=tmp_path, voiceprint_key=SecretStr(path.read_text()))
    assert load_cipher(moved).key == made.key
    for damaged in (b"", b"\xff\xfe", b"AAAA"):
        path.write_bytes(damaged)
        with pytest.raises(VoiceprintKeyError, match="from a backup"):
            load_cipher(settings)


def test_the_key_comes_from_the_environment_or_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BONAFIDE_VOICEPRINT_KEY", base64.b64encode(KEY).decode())
    assert load_cipher(Settings(data_dir=tmp_path)).key == KEY
    assert not list(tmp_path.iterdir())
    for text in ("short", base64.b64encode(bytes(16)).decode(), "…"):
        settings = Settings(data_dir=tmp_path, voiceprint_key=SecretStr(text))
        with pytest.raises(VoiceprintKeyError, match="32 bytes in base64"):
            load_cipher(settings)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("respond-async", None),
        ("wait", 15.0),
        ("wait=3", 3.0),
        ("respond-async, wait=100", 15.0),
        ('Wait="2"; foo', 2.0),
        ("handling=lenient; x=wait", None),
        ("waiting=3", None),
    ],
)
def test_how_long_prefer_asks_to_wait(header: str | None, seconds: float | None) -> None:
    assert wait_asked(header, 15.0) == seconds
