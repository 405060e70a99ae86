"""A service that analyses when a test says so, and in which a link or session can run out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlmodel import Session, select

from service.app import create_app
from service.context import Context
from service.jobs.analysis import analyse_attempt
from service.jobs.claims import claim_next
from service.keys import Scope, create_key
from service.sessions.change import expire_sessions
from service.tables import (
    DEFAULT_ORGANIZATION_ID,
    Attempt,
    EventRow,
    SessionRow,
    VerdictRow,
    Workflow,
)
from service.webhooks.tables import DeliveryRow, DeliveryState
from tests.contract.running import NO_LIMITS
from tests.service.service_builders import APPLICANT, BuilderAnalyser, settings_in
from tests.service.webhook_builders import AT_ONCE, INSIDE
from tests.service.webhook_receiver import Receiver, running_receiver

MAX_TRIES = 2


class ByHand:
    """A runner that analyses nothing by itself."""

    context: Context

    def bind(self, context: Context) -> None:
        self.context = context

    def enqueue(
        self, db: Session, attempt: Attempt, organization_id: str, delay_s: float = 0.0
    ) -> None:
        """The state of the attempt is the queue."""

    def wake(self, attempt_id: str) -> None:
        """Nobody sleeps."""

    def check(self) -> None:
        """Always there."""

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        """Nothing to stop."""


@dataclass(frozen=True)
class Recorded:
    """What the tables hold of one session."""

    attempts: list[Attempt]
    verdicts: list[VerdictRow]
    events: list[EventRow]


@dataclass
class LifeService:
    """One service for many lives."""

    client: TestClient
    context: Context
    analyser: BuilderAnalyser
    receiver: Receiver

    def workflow(self, *, attempt_limit: int, auto_verify: bool, n_steps: int) -> str:
        """Make a workflow and return its id."""
        workflow = Workflow(
            organization_id=DEFAULT_ORGANIZATION_ID,
            name="life",
            attempt_limit=attempt_limit,
            auto_verify=auto_verify,
            steps=["deepfake_detection", "document"][:n_steps],
        )
        with self.context.database.write() as db:
            db.add(workflow)
            return workflow.id

    def create(self, workflow_id: str) -> dict[str, Any]:
        """Make a session."""
        body = APPLICANT | {"workflow_id": workflow_id, "external_id": workflow_id}
        response = self.client.post("/v1/sessions", json=body)
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()
        return created

    def analyse(self) -> None:
        """Make one try of the one attempt that waits."""
        claimed = claim_next(self.context)
        assert claimed is not None, "nothing waits"
        asyncio.run(analyse_attempt(self.context, claimed))

    def run_out(self, session_id: str, *, session_too: bool) -> None:
        """Let the link of the latest attempt run out, and the session with it."""
        with self.context.database.write() as db:
            session = db.get_one(SessionRow, session_id)
            attempt = db.exec(
                select(Attempt).where(
                    Attempt.session_id == session_id, Attempt.number == session.attempt
                )
            ).one()
            attempt.token_expires_at = 1
            db.add(attempt)
            if session_too:
                session.expires_at = 1
                db.add(session)
        expire_sessions(self.context)

    def recorded(self, session_id: str) -> Recorded:
        """Read the tables."""
        with self.context.database.read() as db:
            attempts = db.exec(select(Attempt).where(Attempt.session_id == session_id)).all()
            verdicts = db.exec(select(VerdictRow).where(VerdictRow.session_id == session_id)).all()
            events = db.exec(select(EventRow).where(EventRow.session_id == session_id)).all()
        return Recorded(
            sorted(attempts, key=lambda row: row.number),
            list(verdicts),
            sorted(events, key=lambda row: row.sequence),
        )

    def posted(self, session_id: str, n: int) -> list[dict[str, Any]]:
        """Wait for `n` webhooks of a session, and until none waits; return them by sequence."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with self.context.database.read() as db:
                waits = db.exec(
                    select(DeliveryRow.id).where(
                        DeliveryRow.subject_id == session_id,
                        DeliveryRow.state == DeliveryState.WAITING,
                    )
                ).first()
            messages = [got.message for got in list(self.receiver.got)]
            own = [one for one in messages if one.get("session_id") == session_id]
            if waits is None and len(own) >= n:
                return sorted(own, key=lambda one: int(one["sequence"]))
            time.sleep(0.01)
        raise AssertionError(f"{len(own)} of {n} webhooks came")


@contextmanager
def life_service(folder: Path) -> Iterator[LifeService]:
    """Run it, with an endpoint that gets every event."""
    settings = settings_in(
        folder, max_tries=MAX_TRIES, webhook_schedule_s=AT_ONCE, **INSIDE, **NO_LIMITS
    )
    analyser = BuilderAnalyser()
    app = create_app(settings, analyser, jobs=ByHand())
    with running_receiver() as receiver, TestClient(app, base_url=settings.public_url) as client:
        context: Context = app.state.context
        client.headers["x-api-key"] = create_key(
            context.database, name="life", scopes=tuple(Scope)
        ).text
        endpoint = {"url": receiver.url, "events": ["*"]}
        assert client.post("/v1/webhook-endpoints", json=endpoint).status_code == 201
        yield LifeService(client, context, analyser, receiver)
