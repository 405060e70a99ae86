"""After DELETE no byte of the person is in any file of the data folder, nor in a dump."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import make_url
from sqlmodel import SQLModel, select

from service.app import create_app
from service.context import Context
from service.keys import DEFAULT_SCOPES, Scope, create_key
from service.voice.tables import VoiceprintRow
from tests.service.postgres import newest_binaries
from tests.service.service_builders import (
    BuilderAnalyser,
    capture_parts,
    description,
    settings_in,
    wav_bytes,
)
from tests.service.voice_builders import BuilderEar, Voices
from tests.service.webhook_builders import INSIDE
from tests.service.webhook_receiver import Receiver

_NAME, _SURNAME = "Xanthippe", "Qvortrup-Zzyzx"
_EMAIL, _PHONE = "xanthippe.qvortrup@example.com", "+15550177777"
_EXTERNAL = "customer-ZZ-90210-marker"
_AGENT = "Mozilla/5.0 MarkerBrowser/77.31415"
_REDIRECT = "https://shop.example.com/marker-basket-2718"
_PICTURE = b"\xff\xd8\xff\xe0" + b"MARKER-PICTURE-BYTES-" * 40
_SOUND = wav_bytes(0.1) + b"MARKER-SOUND-BYTES-" * 40
_CAMERA = "Marker Camera 8128"


class _Person:
    """Somebody of whom a mark is left in every place that the service keeps."""

    def __init__(
        self, client: TestClient, ear: BuilderEar, context: Context, receiver: Receiver
    ) -> None:
        scopes = [*DEFAULT_SCOPES, Scope.DELETE]
        self.auth = {"x-api-key": create_key(context.database, name="t", scopes=scopes).text}
        self.client, self.context, self._ear = client, context, ear
        self._call("POST", "/v1/webhook-endpoints", {"url": receiver.url, "events": ["*"]})
        self._enrol()
        self.session_id = self._session()

    def marks(self) -> list[bytes]:
        """What must not be found afterwards."""
        texts = [_NAME, _SURNAME, _EMAIL, _PHONE, _EXTERNAL, _AGENT, _REDIRECT, _CAMERA]
        return [text.encode() for text in texts] + [
            _PICTURE[4:60],
            _SOUND[-100:-40],
            *(phrase.encode() for phrase in self.phrases),
            *self.sealed,
        ]

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.client.request(method, path, json=body, headers=self.auth)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def _enrol(self) -> None:
        voices = Voices(self.client, self._ear, self.auth)
        assert voices.enroll(external_id=_EXTERNAL)["status"] == "completed"
        assert voices.verify(self._ear.recording(), external_id=_EXTERNAL)["status"] == "completed"
        with self.context.database.read() as db:
            self.sealed = [row.sealed[:40] for row in db.exec(select(VoiceprintRow)).all()]
        assert self.sealed

    def _session(self) -> str:
        person = {
            "first_name": _NAME,
            "last_name": _SURNAME,
            "email": _EMAIL,
            "phone": _PHONE,
            "external_id": _EXTERNAL,
            "redirect_url": _REDIRECT,
        }
        headers = self.auth | {"idempotency-key": "marker"}
        created = self.client.post("/v1/sessions", json=person, headers=headers).json()
        session_id = str(created["id"])
        renewed = self._call("POST", f"/v1/sessions/{session_id}/attempts")
        token = renewed["session_url"].rsplit("/", 1)[1]
        challenge = self.client.get(f"/v1/captures/{token}").json()["challenge"]
        self.phrases = [challenge["phrase"]]
        capture = description(challenge["steps"], device={"label": _CAMERA})
        parts = capture_parts(capture, frame=_PICTURE, audio=_SOUND)
        sent = self.client.post(
            f"/v1/captures/{token}", files=parts, headers={"user-agent": _AGENT}
        )
        assert sent.status_code == 202, sent.text
        _until(lambda: not self._pending(session_id))
        self._call("PATCH", f"/v1/sessions/{session_id}", {"status": "REJECTED"})
        return session_id

    def _pending(self, session_id: str) -> bool:
        record = self._call("GET", f"/v1/sessions/{session_id}")["session_record"]
        return bool(record["analysis_pending"])


@pytest.fixture
def person(tmp_path: Path, database_url: str, receiver: Receiver) -> Iterator[_Person]:
    settings = settings_in(tmp_path, database_url=database_url, **INSIDE)
    ear = BuilderEar()
    app = create_app(settings, BuilderAnalyser(), ear)
    with TestClient(app, base_url="https://kyc.example.com") as client:
        yield _Person(client, ear, app.state.context, receiver)


def test_no_byte_of_the_person_is_left(person: _Person) -> None:
    before = _found(person)
    assert {_NAME.encode(), _EXTERNAL.encode(), person.sealed[0]} <= before
    assert not before & {_PICTURE[4:60], _SOUND[-100:-40]}, "media lay in plain"
    answer = person.client.delete(f"/v1/sessions/{person.session_id}", headers=person.auth)
    assert answer.status_code == 200, answer.text
    assert answer.json()["voiceprints"] == 1
    assert answer.json()["finished_at"] is not None
    assert _found(person) == set()


def test_voice_is_kept_where_that_is_asked_for(person: _Person) -> None:
    path = f"/v1/sessions/{person.session_id}?keep_voice=true"
    answer = person.client.delete(path, headers=person.auth)
    assert answer.json()["voiceprints"] == 0
    found = _found(person)
    assert person.sealed[0] in found
    assert not {_NAME.encode(), _EMAIL.encode()} & found


def test_every_table_that_holds_something_of_a_session_is_known() -> None:
    """A new table must be decided on: add it to service/media/rows.py, or here."""
    deleted = {
        *("sessions", "attempts", "captures", "verdicts", "events", "users", "idempotent_answers"),
        *("media_keys", "webhook_messages", "webhook_deliveries", "webhook_tries"),
        *("voiceprints", "voice_requests", "voice_events"),
    }
    of_nobody = {
        *("organizations", "workflows", "api_keys", "webhook_endpoints", "webhook_secrets"),
        *("erasures", "media_pending", "audit_log", "rate_limits"),
    }
    ours = {name for name in SQLModel.metadata.tables if not name.startswith("alembic")}
    assert ours - {"deployment"} == deleted | of_nobody


def _found(person: _Person) -> set[bytes]:
    """The marks that are in any file of the data folder, or in a dump of the database."""
    settings = person.context.settings
    contents = [one.read_bytes() for one in settings.data_dir.rglob("*") if one.is_file()]
    if settings.database_url:
        contents.append(_dump(settings.database_url))
    return {mark for mark in person.marks() if any(mark in one for one in contents)}


def _dump(url: str) -> bytes:
    """The dump, and what stands in it as hexadecimal digits as the bytes that it means."""
    target = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    made = subprocess.run(
        [newest_binaries() / "pg_dump", f"--dbname={target}"], capture_output=True, check=True
    )
    texts = re.findall(rb"\\\\x([0-9a-f]+)", made.stdout)
    return made.stdout + b"\n".join(bytes.fromhex(one.decode()) for one in texts)


def _until(condition: Callable[[], object]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not come to that")
