"""snake_case inside, camelCase for API keys made so. Keys that are data stay as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")

# Their keys are names that belong to the data (signals, models, features, media files), not
# fields of the contract: a camelCase client reads them as written.
_MAPS = frozenset({"features", "models", "timings_ms", "resource_links", "uploads"})
# Keyed by signal code in the evidence; a list of codes in the result.
_MAPS_OF_OBJECTS = frozenset({"signals"})


class Casing(StrEnum):
    """How a key's responses are written."""

    SNAKE = "snake"
    CAMEL = "camel"


def to_camel(name: str) -> str:
    """Return `name` in camelCase; a name that is not snake_case stays as it is."""
    if not _SNAKE.fullmatch(name):
        return name
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def cased(value: Any, casing: Casing) -> Any:
    """Return a JSON value with its keys in `casing`."""
    return _camel(value) if casing is Casing.CAMEL else value


def _camel(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {to_camel(key): _camel_child(key, child) for key, child in value.items()}
    if isinstance(value, list):
        return [_camel(child) for child in value]
    return value


def _camel_child(key: str, child: Any) -> Any:
    if key in _MAPS and isinstance(child, Mapping):
        return child
    if key in _MAPS_OF_OBJECTS and isinstance(child, Mapping):
        return {code: _camel(entry) for code, entry in child.items()}
    return _camel(child)


def preferring_camel(data: Any, fields: frozenset[str]) -> Any:
    """Return the request object with snake_case keys; where both are sent, camelCase wins."""
    if not isinstance(data, Mapping):
        return data
    merged = dict(data)
    for name in fields:
        camel = to_camel(name)
        if camel != name and camel in merged:
            merged[name] = merged.pop(camel)
    return merged
