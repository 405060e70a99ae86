"""The policy: every tunable number with its value, unit, source, basis and date."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from math import isfinite
from pathlib import Path

SHIPPED_FOLDER = Path(__file__).parent / "policies"
# Entries of these units hold text; every other value is a number.
_TEXT_UNITS = frozenset({"name", "SHA-256"})


class PolicyError(ValueError):
    """A policy that can't be used.

    PolicyError
    ├── a file that is not TOML, or an entry without provenance
    └── UnknownEntryError: code asked for an entry that no file has
    """


class UnknownEntryError(PolicyError, KeyError):
    """The policy has no entry of that name."""

    def __str__(self) -> str:
        return str(self.args[0])


class Source(StrEnum):
    """Where a value comes from."""

    PLACEHOLDER = "placeholder"
    LITERATURE = "literature"
    MEASURED = "measured"
    CONTRACT = "contract"


@dataclass(frozen=True, slots=True)
class Entry:
    """One tunable number, name or digest, and why it has that value.

    Parameters
    ----------
    value
        Text where the unit is ``name`` or ``SHA-256``, else a finite number.
    basis
        Data, n and error rates for a measured value; the reference for a cited one.
    """

    name: str
    value: float | str
    unit: str
    source: Source
    basis: str
    date: date


@dataclass(frozen=True, slots=True)
class Policy:
    """An immutable set of entries with a version and a digest of its content."""

    version: str
    entries: Mapping[str, Entry]

    def number(self, name: str) -> float:
        """Return the value of entry `name`.

        Raises
        ------
        UnknownEntryError
            When no policy file has that entry.
        PolicyError
            When the entry holds text.
        """
        value = self.entry(name).value
        if isinstance(value, str):
            msg = f"the policy entry '{name}' holds text where a number is needed"
            raise PolicyError(msg)
        return value

    def text(self, name: str) -> str:
        """Return the text of entry `name`, a name or a digest; raises as `number` does."""
        value = self.entry(name).value
        if not isinstance(value, str):
            msg = f"the policy entry '{name}' holds a number where text is needed"
            raise PolicyError(msg)
        return value

    def entry(self, name: str) -> Entry:
        """Return entry `name` with its provenance.

        Raises
        ------
        UnknownEntryError
            When no policy file has that entry.
        """
        try:
            return self.entries[name]
        except KeyError:
            msg = f"the policy has no entry '{name}'; add it with unit, source, basis and date"
            raise UnknownEntryError(msg) from None

    def __contains__(self, name: str) -> bool:
        return name in self.entries

    @property
    def digest(self) -> str:
        """SHA-256 over names and values: the same digest decides the same way."""
        values = {name: entry.value for name, entry in sorted(self.entries.items())}
        canonical = json.dumps({"version": self.version, "values": values}, sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def overlaid(self, other: Policy) -> Policy:
        """Return this policy with the entries of `other` in place of its own.

        Raises
        ------
        PolicyError
            When `other` names an entry that this policy does not know (a typing slip would
            otherwise silently change nothing).
        """
        unknown = sorted(set(other.entries) - set(self.entries))
        if unknown:
            msg = f"the policy file names entries that do not exist: {', '.join(unknown)}"
            raise PolicyError(msg)
        for name, entry in other.entries.items():
            if isinstance(entry.value, str) != isinstance(self.entries[name].value, str):
                msg = f"entry '{name}' must keep its unit {self.entries[name].unit!r}"
                raise PolicyError(msg)
        return Policy(other.version, {**self.entries, **other.entries})


def parse_policy(text: str, origin: str) -> Policy:
    """Parse one policy file.

    Parameters
    ----------
    text
        TOML: a top-level ``version`` and one table per entry, dotted names allowed.
    origin
        Named in errors.

    Raises
    ------
    PolicyError
        When it is not TOML or an entry lacks value, unit, source, basis or date.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{origin}: not a TOML file: {error}"
        raise PolicyError(msg) from None
    version = document.pop("version", None)
    if not isinstance(version, str) or not version:
        msg = f'{origin}: needs a top-level version = "…"'
        raise PolicyError(msg)
    entries = {entry.name: entry for entry in _walk(document, (), origin)}
    return Policy(version, entries)


def load_policy(path: Path | None = None) -> Policy:
    """Return the shipped policy, with the entries of the file at `path` in place of its own."""
    shipped = _shipped()
    if path is None:
        return shipped
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path}: can't be read as a policy file: {error}"
        raise PolicyError(msg) from None
    return shipped.overlaid(parse_policy(text, str(path)))


@cache
def _shipped() -> Policy:
    merged: dict[str, Entry] = {}
    versions: set[str] = set()
    for path in sorted(SHIPPED_FOLDER.glob("*.toml")):
        part = parse_policy(path.read_text(encoding="utf-8"), path.name)
        doubled = sorted(set(part.entries) & set(merged))
        if doubled:
            msg = f"{path.name}: entries that another file has too: {', '.join(doubled)}"
            raise PolicyError(msg)
        merged |= part.entries
        versions.add(part.version)
    if len(versions) != 1:
        msg = f"the shipped policy files must share one version, found {sorted(versions)}"
        raise PolicyError(msg)
    return Policy(versions.pop(), merged)


def _walk(table: Mapping[str, object], path: tuple[str, ...], origin: str) -> Iterable[Entry]:
    if "value" in table:
        yield _entry(table, ".".join(path), origin)
        return
    for key, child in table.items():
        if not isinstance(child, dict):
            msg = f"{origin}: '{'.'.join((*path, key))}' is not an entry (value, unit, source …)"
            raise PolicyError(msg)
        yield from _walk(child, (*path, key), origin)


def _entry(table: Mapping[str, object], name: str, origin: str) -> Entry:
    wanted = {"value", "unit", "source", "basis", "date"}
    if set(table) != wanted:
        missing, extra = sorted(wanted - set(table)), sorted(set(table) - wanted)
        msg = f"{origin}: entry '{name}': missing {missing}, not known {extra}"
        raise PolicyError(msg)
    value, unit, source = table["value"], table["unit"], table["source"]
    basis, day = table["basis"], table["date"]
    kept = _checked_value(value, unit, f"{origin}: entry '{name}'")
    if source not in set(Source):
        msg = f"{origin}: entry '{name}': source must be one of {sorted(Source)}, got {source!r}"
        raise PolicyError(msg)
    if not isinstance(unit, str) or not isinstance(basis, str) or not basis.strip():
        msg = f"{origin}: entry '{name}': unit and basis must be text, and basis not empty"
        raise PolicyError(msg)
    if not isinstance(day, date):
        msg = f"{origin}: entry '{name}': date must be a TOML date, got {day!r}"
        raise PolicyError(msg)
    return Entry(name, kept, unit, Source(str(source)), basis, day)


def _checked_value(value: object, unit: object, where: str) -> float | str:
    if unit in _TEXT_UNITS:
        if isinstance(value, str) and value.strip():
            return value
        msg = f"{where}: value must be text because its unit is {unit!r}, got {value!r}"
        raise PolicyError(msg)
    if isinstance(value, bool) or not isinstance(value, int | float):
        msg = f"{where}: value must be a number, got {value!r}"
        raise PolicyError(msg)
    if not isfinite(value):  # nothing is above a threshold of NaN: its rule would never apply
        msg = f"{where}: value must be finite, got {value!r}"
        raise PolicyError(msg)
    return float(value)
