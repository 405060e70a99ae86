"""What an integrator and an applicant's browser do, over HTTP and nothing else."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from service.demo.attack import AttackFiles

Wire = dict[str, Any]
_PATIENCE_S = 120.0
_POLL_S = 0.25


class RequestError(RuntimeError):
    """The service answered with an error, or not in time."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session and the token of its capture link."""

    session_id: str
    session_url: str
    capture_token: str


class DemoClient:
    """A thin client of one running service. Close it when done."""

    def __init__(self, address: str, api_key: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=60.0)
        self._key = {"x-api-key": api_key}

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def create_session(self) -> Opened:
        """Create a session, as the integrator."""
        person = {
            "first_name": "Demo",
            "last_name": "Portrait",
            "email": "demo@example.com",
            "phone": "+15550100",
        }
        created = _json(self._http.post("/v1/sessions", json=person, headers=self._key))
        url = str(created["session_url"])
        return Opened(str(created["id"]), url, url.rsplit("/", 1)[-1])

    def challenge(self, token: str) -> tuple[str, list[str]]:
        """Return the phrase and the steps, as the applicant's browser asks for them."""
        asked = _json(self._http.get(f"/v1/captures/{token}"))["challenge"]
        return str(asked["phrase"]), [str(step) for step in asked["steps"]]

    def upload(self, token: str, attack: AttackFiles) -> None:
        """Send the capture, as the applicant's browser would."""
        with ExitStack() as stack:
            files: list[tuple[str, Any]] = [("capture", (None, attack.description.encode()))]
            for path in attack.frames:
                stream = stack.enter_context(path.open("rb"))
                files.append(("frames", (path.name, stream, "image/jpeg")))
            sound = stack.enter_context(attack.audio.open("rb"))
            files.append(("audio", (attack.audio.name, sound, "audio/wav")))
            _json(self._http.post(f"/v1/captures/{token}", files=files))

    def wait_for_verdict(self, session_id: str) -> Wire:
        """Poll Retrieve Session until the analysis is there, and return the session record.

        Raises
        ------
        RequestError
            When the analysis failed or takes too long.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            answer = self._http.get(f"/v1/sessions/{session_id}", headers=self._key)
            record: Wire = _json(answer)["session_record"]
            if "analysis_data" in record:
                return record
            if record["status"] == "FAILED":
                msg = "the analysis failed: the session is FAILED"
                raise RequestError(msg)
            time.sleep(_POLL_S)
        msg = f"no verdict within {_PATIENCE_S:g} s"
        raise RequestError(msg)


def _json(answer: httpx.Response) -> Wire:
    if answer.is_error:
        msg = (
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
        )
        raise RequestError(msg)
    document: Wire = answer.json()
    return document
