"""The PostgreSQL server of the service's tests."""

from __future__ import annotations

from tests.service.conftest import postgres

__all__ = ["postgres"]
