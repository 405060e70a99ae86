"""Deliveries as the engine's work: the handler is asked again when the database was away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from sqlalchemy.exc import OperationalError

from service.database import new_engine
from service.jobs.engine import EngineClient
from service.jobs.work import Work
from tests.service.running_service import Service


@dataclass
class FailingHandler:
    """Raises what it is given, then has delivered."""

    errors: list[Exception]
    asked: list[int] = field(default_factory=list)

    async def deliver(self, delivery_id: str, number: int) -> float | None:
        self.asked.append(number)
        if self.errors:
            raise self.errors.pop(0)
        return None


def _deliver(service: Service, handler: FailingHandler) -> None:
    async def scene() -> None:
        client = EngineClient(new_engine(service.context.settings, 1))
        await Work(service.context, client, handler).deliver("a", 1, "-")
        client.close()

    asyncio.run(scene())


def test_absence_of_the_database_is_outlasted(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.jobs.work._AFTER_OUTAGE_S", 0.0)
    away = OperationalError("statement", {}, Exception("locked"))
    handler = FailingHandler([away, away])
    _deliver(service, handler)
    assert handler.asked == [1, 1, 1]
