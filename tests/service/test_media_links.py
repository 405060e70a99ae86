"""Signed links over HTTP: whole and in part, with headers that let nothing run, until erased."""

from __future__ import annotations

import pytest

from tests.service.running_service import Service
from tests.service.service_builders import wav_bytes


def _sound_link(service: Service) -> tuple[str, str]:
    session_id = service.captured()
    return session_id, service.retrieve(session_id)["resource_links"]["audio"]


def test_nothing_of_a_capture_lies_in_plain(service: Service) -> None:
    session_id, link = _sound_link(service)
    service.judged(session_id)
    assert service.client.get(link).content == wav_bytes()
    stored = [file for file in service.context.settings.data_dir.rglob("*") if file.is_file()]
    assert any(file.name == "audio.wav" for file in stored)
    for file in stored:
        content = file.read_bytes()
        assert b"WAVEfmt" not in content, file
        assert b"client_time_s" not in content, file


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-3", slice(0, 4)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-10", slice(-10, None)),
        ("bytes=5-99999999", slice(5, None)),
    ],
)
def test_a_part_is_sent_where_one_is_asked_for(service: Service, asked: str, part: slice) -> None:
    _, link = _sound_link(service)
    answer = service.client.get(link, headers={"range": asked})
    assert answer.status_code == 206
    assert answer.content == wav_bytes()[part]
    size = len(wav_bytes())
    start, end, _ = part.indices(size)
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=9-3", "bytes=-", "x"])
def test_what_is_no_single_range_gets_the_whole(service: Service, asked: str) -> None:
    _, link = _sound_link(service)
    answer = service.client.get(link, headers={"range": asked})
    assert (answer.status_code, answer.content) == (200, wav_bytes())


def test_a_part_past_the_end(service: Service) -> None:
    _, link = _sound_link(service)
    answer = service.client.get(link, headers={"range": "bytes=99999999-"})
    assert answer.status_code == 416
    assert answer.json()["error"]["code"] == "RANGE_NOT_SATISFIABLE"
    assert answer.headers["content-range"] == f"bytes */{len(wav_bytes())}"


def test_headers_of_media(service: Service) -> None:
    _, link = _sound_link(service)
    headers = service.client.get(link).headers
    assert headers["content-type"] == "audio/wav"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "private, no-store"
    assert headers["content-disposition"] == 'inline; filename="audio.wav"'
    assert "sandbox" in headers["content-security-policy"]


def test_media_that_was_changed_in_the_store_is_not_sent(service: Service) -> None:
    _, link = _sound_link(service)
    (stored,) = (service.context.settings.data_dir / "media").rglob("audio.wav")
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    assert service.client.get(link).status_code == 500
    stored.unlink()
    assert service.client.get(link).status_code == 404
