"""Pydantic's errors as ours: path and message, never the value that was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from service.errors import FieldError

_MAX_ERRORS = 20


def field_errors(errors: Sequence[Mapping[str, Any]], *prefix: str) -> list[FieldError]:
    """Return one entry per error, the first twenty."""
    return [
        FieldError(".".join([*prefix, *(str(part) for part in error["loc"])]), error["msg"])
        for error in errors[:_MAX_ERRORS]
    ]
