"""Media at rest: what is sealed opens whole and in part, and nothing else opens it."""

from __future__ import annotations

import base64
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.media.envelope import (
    CHUNK_BYTES,
    HEAD_BYTES,
    Binding,
    EnvelopeError,
    open_range,
    plain_size,
    seal,
)
from service.media.key_file import new_key
from service.media.keys import KeyRing, MasterKey, MasterKeyError, key_file_of, load_key_ring
from service.media.store import MediaStore, MissingObjectError
from service.settings import Settings

_BINDING = Binding(bytes(range(32)), "session", "captures/session/1/capture/audio.wav")
_SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7)


def _plain(size: int) -> bytes:
    return bytes(index * 31 % 251 for index in range(size))


def _sealed(size: int, binding: Binding = _BINDING) -> bytes:
    plain = _plain(size)
    return b"".join(seal(binding, (plain[at : at + 1000] for at in range(0, size, 1000))))


def _opened(sealed: bytes, start: int, end: int, binding: Binding = _BINDING) -> bytes:
    parts = open_range(binding, lambda a, b: sealed[a:b], len(sealed), start, end)
    return b"".join(parts)


@pytest.mark.parametrize("size", _SIZES)
def test_what_is_sealed_opens_whole(size: int) -> None:
    sealed = _sealed(size)
    assert plain_size(len(sealed)) == size
    assert _opened(sealed, 0, size) == _plain(size)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (0, 1),
        (CHUNK_BYTES - 1, CHUNK_BYTES + 1),
        (CHUNK_BYTES, 2 * CHUNK_BYTES),
        (150_000, 190_000),
    ],
)
def test_any_part_opens_by_itself(start: int, end: int) -> None:
    size = 3 * CHUNK_BYTES + 7
    assert _opened(_sealed(size), start, end) == _plain(size)[start:end]


def _swapped(sealed: bytes) -> bytes:
    one, step = HEAD_BYTES, CHUNK_BYTES + 16
    first, second = sealed[one : one + step], sealed[one + step : one + 2 * step]
    return sealed[:one] + second + first + sealed[one + 2 * step :]


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda s: s[:-1], id="a byte short"),
        pytest.param(lambda s: s[: HEAD_BYTES + CHUNK_BYTES + 16], id="whole chunks cut off"),
        pytest.param(_swapped, id="chunks swapped"),
        pytest.param(lambda s: s[:200] + bytes([s[200] ^ 1]) + s[201:], id="a bit turned"),
        pytest.param(lambda s: s[:20] + bytes([s[20] ^ 1]) + s[21:], id="salt changed"),
        pytest.param(lambda s: s + b"\0", id="a byte more"),
        pytest.param(lambda s: b"RIFF" + s[4:], id="not ours"),
        pytest.param(lambda s: s[:10], id="hardly anything"),
    ],
)
def test_what_was_changed_does_not_open(harm: Callable[[bytes], bytes]) -> None:
    sealed = harm(_sealed(2 * CHUNK_BYTES + 5))
    with pytest.raises(EnvelopeError):
        _opened(sealed, 0, plain_size(len(sealed)))


@pytest.mark.parametrize(
    "other",
    [
        Binding(new_key(), _BINDING.session_id, _BINDING.name),
        Binding(_BINDING.data_key, "another", _BINDING.name),
        Binding(_BINDING.data_key, _BINDING.session_id, "captures/session/1/capture/video.mp4"),
    ],
    ids=["key", "session", "name"],
)
def test_another_key_session_or_name_does_not_open_it(other: Binding) -> None:
    with pytest.raises(EnvelopeError):
        _opened(_sealed(100), 0, 100, other)


def test_equal_files_are_sealed_differently() -> None:
    assert len({_sealed(1000) for _ in range(50)}) == 50


def test_data_keys_open_with_the_ring_that_wrapped_them_only() -> None:
    old, new, data_key = MasterKey(new_key()), MasterKey(new_key()), new_key()
    wrapped = KeyRing((old,)).wrap(data_key, "session")
    assert KeyRing((new, old)).unwrap(wrapped, "session") == data_key
    with pytest.raises(MasterKeyError, match=old.id):
        KeyRing((new,)).unwrap(wrapped, "session")
    with pytest.raises(MasterKeyError):
        KeyRing((old,)).unwrap(wrapped, "another session")


def test_master_key_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = load_key_ring(settings)
    assert load_key_ring(settings).current == first.current
    assert stat.S_IMODE(key_file_of(settings).stat().st_mode) == 0o600
    assert repr(first.current.key) not in repr(first)


def test_master_key_of_the_environment_comes_first(tmp_path: Path) -> None:
    key, previous = new_key(), new_key()
    settings = Settings(
        data_dir=tmp_path,
        master_key=SecretStr(base64.b64encode(key).decode()),
        master_key_previous=SecretStr(base64.b64encode(previous).decode()),
    )
    assert [one.key for one in load_key_ring(settings).keys] == [key, previous]
    assert not key_file_of(settings).exists()
    with pytest.raises(MasterKeyError, match="32 bytes"):
        load_key_ring(Settings(data_dir=tmp_path, master_key=SecretStr("short")))
    key_file_of(settings).write_text("damaged")
    with pytest.raises(MasterKeyError, match="put it back"):
        load_key_ring(Settings(data_dir=tmp_path))


def test_large_objects_need_no_large_memory_and_names_stay_inside(tmp_path: Path) -> None:
    store = MediaStore(Settings(data_dir=tmp_path))
    pieces = (bytes([number]) * 1_000_000 for number in range(12))
    assert store.put("captures/s/1/c/video.mp4", pieces) == 12_000_000
    assert store.size("captures/s/1/c/video.mp4") == 12_000_000
    assert store.read("captures/s/1/c/video.mp4", 999_999, 1_000_001) == b"\0\1"
    for name in ("../outside.wav", "captures/../../x.wav", "/etc/x.wav", "captures/S.wav", "x.wav"):
        with pytest.raises(ValueError, match="not a name"):
            store.put(name, [b""])
    assert store.delete("captures/s") == 1
    with pytest.raises(MissingObjectError):
        store.size("captures/s/1/c/video.mp4")
    assert not list((tmp_path / "media").rglob("*.mp4"))
