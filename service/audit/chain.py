"""The chain: each entry's digest covers the digest before it and the entry's canonical JSON.

Pure, so that anybody can check an exported log with twenty lines of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

# What stands before the first entry of a tenant.
BEGINNING = 64 * "0"

# Ids, codes, digests and numbers; a float has no one canonical form.
Detail = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened, as it is hashed. Nothing in it is about a person."""

    organization_id: str
    number: int
    at: int
    action: str
    actor: str
    subject_id: str | None
    details: Mapping[str, Detail]

    def canonical(self) -> str:
        """Return the one JSON text of this entry: sorted keys, no blanks, ASCII."""
        fields = {
            "action": self.action,
            "actor": self.actor,
            "at": self.at,
            "details": dict(self.details),
            "number": self.number,
            "organization_id": self.organization_id,
            "subject_id": self.subject_id,
        }
        return canonical_json(fields)


def canonical_json(value: object) -> str:
    """Return the text that is hashed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def chained_sha256(previous_sha256: str, canonical: str) -> str:
    """Return the digest of an entry that follows the one of `previous_sha256`."""
    return hashlib.sha256(f"{previous_sha256}\n{canonical}".encode()).hexdigest()


def digest_of(value: object) -> str:
    """Return the digest by which an entry names something that it must not hold."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
