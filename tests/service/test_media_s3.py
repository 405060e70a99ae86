"""The same service on an S3-compatible store: `moto_server` where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.keys import DEFAULT_SCOPES, Scope
from service.media.store import MediaStore, MediaStoreError
from service.settings import Settings
from tests.service.postgres import free_port
from tests.service.running_service import Service, StartService
from tests.service.service_builders import wav_bytes

_BUCKET = "captured"


@pytest.fixture(scope="module")
def store_settings() -> Iterator[dict[str, Any]]:
    program = shutil.which("moto_server")
    if program is None:
        pytest.skip("moto_server is not installed: pip install 'moto[server]'")
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _until_it_answers(address)
            httpx.put(f"{address}/{_BUCKET}").raise_for_status()
            yield {
                "media_url": f"s3://{_BUCKET}/kyc",
                "media_endpoint": address,
                "media_region": "us-east-1",
                "media_access_key_id": "test",
                "media_secret_access_key": "test",
            }
        finally:
            process.terminate()


def _until_it_answers(address: str) -> None:
    for _ in range(300):
        try:
            httpx.get(address)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("moto_server did not start")


def _objects(settings: dict[str, Any]) -> dict[str, bytes]:
    address = f"{settings['media_endpoint']}/{_BUCKET}"
    listed = httpx.get(address, params={"list-type": "2"}).text
    keys = [part.split("</Key>")[0] for part in listed.split("<Key>")[1:]]
    return {key: httpx.get(f"{address}/{key}").content for key in keys}


def _erasing(service: Service) -> dict[str, str]:
    return service.new_key(scopes=[*DEFAULT_SCOPES, Scope.DELETE])


def test_capture_analysis_links_and_erasure(
    start_service: StartService, store_settings: dict[str, Any]
) -> None:
    service = start_service(**store_settings)
    session_id = service.captured()
    assert service.judged(session_id)["status"] == "SUBMITTED"
    stored = _objects(store_settings)
    assert len(stored) == 7
    assert all(key.startswith(f"kyc/captures/{session_id}/1/") for key in stored)
    assert not any(b"WAVEfmt" in one or b"client_time_s" in one for one in stored.values())
    assert not list((service.context.settings.data_dir).rglob("audio.wav"))
    link = service.retrieve(session_id)["resource_links"]["audio"]
    assert service.client.get(link).content == wav_bytes()
    part = service.client.get(link, headers={"range": "bytes=40-99"})
    assert (part.status_code, part.content) == (206, wav_bytes()[40:100])
    erased = service.client.delete(f"/v1/sessions/{session_id}", headers=_erasing(service))
    assert erased.json()["finished_at"] is not None
    assert _objects(store_settings) == {}


def test_large_objects_go_up_in_parts(store_settings: dict[str, Any], tmp_path: Any) -> None:
    store = MediaStore(Settings(data_dir=tmp_path, **store_settings))
    name = "captures/s/1/c/video.mp4"
    assert store.put(name, (bytes([number]) * 1_000_000 for number in range(12))) == 12_000_000
    assert store.size(name) == 12_000_000
    assert store.read(name, 4_999_999, 5_000_001) == b"\4\5"
    assert store.delete("captures/s") == 1


def test_a_store_that_is_away(start_service: StartService, store_settings: dict[str, Any]) -> None:
    away = store_settings | {"media_endpoint": f"http://127.0.0.1:{free_port()}"}
    service = start_service(**away, media_timeout_s=1.0)
    created = service.create()
    sent = service.capture(service.token_of(created))
    assert (sent.status_code, sent.json()["error"]["code"]) == (503, "NOT_READY")
    assert service.retrieve(created["id"])["session_record"]["status"] == "PENDING"
    erased = service.client.delete(f"/v1/sessions/{created['id']}", headers=_erasing(service))
    assert (erased.status_code, erased.json()["finished_at"]) == (200, None)
    with pytest.raises(MediaStoreError, match="BONAFIDE_MEDIA_URL"):
        service.context.media.store.names("captures")
