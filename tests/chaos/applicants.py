"""Clients as the contract has them: they try again on 429, 5xx and lost connections."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from tests.service.service_builders import APPLICANT, JPEG, capture_parts, description

_TRIES = 400
_PAUSE_S = 0.25
_AGAIN = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Sent:
    """A session whose capture was acknowledged, and when."""

    session_id: str
    at_s: float
    took_s: float


class Client:
    """Talks to a deployment that may be away at any moment."""

    def __init__(self, url: str, key: str) -> None:
        self._headers = {"x-api-key": key}
        self._http = httpx.Client(base_url=url, timeout=30, headers=self._headers)

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Call until something other than "come back later" is answered."""
        for _ in range(_TRIES):
            try:
                response = self._http.request(method, path, **options)
            except httpx.TransportError:
                time.sleep(_PAUSE_S)
                continue
            if response.status_code not in _AGAIN:
                return response
            time.sleep(_PAUSE_S)
        msg = f"{method} {path.split('/')[2]}: nothing but refusals"
        raise RuntimeError(msg)

    def register(self, receiver_url: str) -> None:
        """Have every event of the tenant posted to a receiver."""
        body = {"url": receiver_url, "events": ["*"]}
        response = self.call("POST", "/v1/webhook-endpoints", json=body)
        response.raise_for_status()

    def send_session(self, *, frame: bytes = JPEG, **fields: Any) -> Sent:
        """Create a session and send its capture, each until it is acknowledged."""
        begin = time.perf_counter()
        once = {"Idempotency-Key": str(uuid.uuid4())}
        created = self.call("POST", "/v1/sessions", json=APPLICANT | fields, headers=once)
        created.raise_for_status()
        token = created.json()["session_url"].rsplit("/", 1)[1]
        invitation = self.call("GET", f"/v1/captures/{token}")
        if invitation.status_code == httpx.codes.OK:
            steps = invitation.json()["challenge"]["steps"]
            parts = capture_parts(description(steps), frame=frame)
            taken = self.call("POST", f"/v1/captures/{token}", files=parts)
            # A connection that broke after the commit: the second try is told that it was used.
            if taken.status_code != httpx.codes.CONFLICT:
                taken.raise_for_status()
        return Sent(created.json()["id"], time.time(), time.perf_counter() - begin)

    def record(self, session_id: str) -> dict[str, Any]:
        response = self.call("GET", f"/v1/sessions/{session_id}")
        response.raise_for_status()
        record: dict[str, Any] = response.json()["session_record"]
        return record

    def close(self) -> None:
        self._http.close()


def send_sessions(url: str, key: str, count: int, at_once: int = 4, **fields: Any) -> list[Sent]:
    """Send `count` sessions from `at_once` clients."""
    clients = [Client(url, key) for _ in range(at_once)]

    def share(client: Client, own: Sequence[int]) -> list[Sent]:
        return [client.send_session(**fields) for _ in own]

    with ThreadPoolExecutor(at_once) as pool:
        shares = [range(index, count, at_once) for index in range(at_once)]
        sent = [one for part in pool.map(share, clients, shares) for one in part]
    for client in clients:
        client.close()
    return sent
