"""A running service and what tests do with it, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.context import Context
from service.keys import create_key
from tests.service.service_builders import (
    APPLICANT,
    BuilderAnalyser,
    capture_parts,
    description,
)


@dataclass
class Service:
    """A running service and what a test does with it."""

    client: TestClient
    context: Context
    analyser: BuilderAnalyser
    key: str

    @property
    def auth(self) -> dict[str, str]:
        return {"x-api-key": self.key}

    def create(self, **changes: Any) -> dict[str, Any]:
        response = self.client.post("/v1/sessions", json=APPLICANT | changes, headers=self.auth)
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()
        return created

    def token_of(self, created: dict[str, Any]) -> str:
        return str(created["session_url"].rsplit("/", 1)[1])

    def steps(self, token: str) -> list[str]:
        invitation = self.client.get(f"/v1/captures/{token}").json()
        return list(invitation["challenge"]["steps"])

    def capture(self, token: str, **changes: Any) -> Any:
        """Send a good capture; `changes` go into its JSON."""
        parts = capture_parts(description(self.steps(token), **changes))
        return self.client.post(f"/v1/captures/{token}", files=parts)

    def retrieve(self, session_id: str) -> dict[str, Any]:
        response = self.client.get(f"/v1/sessions/{session_id}", headers=self.auth)
        assert response.status_code == 200, response.text
        session: dict[str, Any] = response.json()
        return session

    def judged(self, session_id: str) -> dict[str, Any]:
        """Wait until nothing is pending and return the session record."""
        for _ in range(500):
            record: dict[str, Any] = self.retrieve(session_id)["session_record"]
            if not record["analysis_pending"]:
                return record
            time.sleep(0.01)
        pytest.fail("the analysis is still pending")

    def captured(self, **changes: Any) -> str:
        """Create a session, send its capture and return its id."""
        created = self.create(**changes)
        response = self.capture(self.token_of(created))
        assert response.status_code == 202, response.text
        return str(created["id"])

    def new_key(self, **options: Any) -> dict[str, str]:
        return {"x-api-key": create_key(self.context.database, name="test", **options).text}


StartService = Callable[..., Service]
