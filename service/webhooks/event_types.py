"""Which events there are to choose from, and whether a filter wants one."""

from __future__ import annotations

from collections.abc import Sequence

from service.events import (
    ANALYSIS_RECORDED,
    ATTEMPT_STARTED,
    DEEPFAKE_DETECTED,
    LINK_RENEWED,
    POSSIBLE_CLONING,
    SESSION_CREATED,
    VOICE_ERASED,
    status_event,
    voice_event,
)
from service.tables import SessionStatus
from service.voice.tables import VoiceKind

TEST_EVENT = "webhook.test"
ENDPOINT_DISABLED = "webhook.endpoint.disabled"

_STATUSES = (one for one in SessionStatus if one is not SessionStatus.PENDING)
EVENT_TYPES: tuple[str, ...] = (
    SESSION_CREATED,
    *(status_event(status) for status in _STATUSES),
    ATTEMPT_STARTED,
    LINK_RENEWED,
    ANALYSIS_RECORDED,
    DEEPFAKE_DETECTED,
    POSSIBLE_CLONING,
    *(voice_event(kind, failed=failed) for kind in VoiceKind for failed in (False, True)),
    VOICE_ERASED,
    ENDPOINT_DISABLED,
)
# The events of the contract; what an endpoint gets that names none.
DEFAULT_EVENTS: tuple[str, ...] = (SESSION_CREATED, "session.status.*")


def is_wanted(event_type: str, wanted: Sequence[str]) -> bool:
    """Whether a filter of event types and ``prefix.*`` patterns names this type."""
    return any(_names(pattern, event_type) for pattern in wanted)


def names_nothing(pattern: str) -> bool:
    """Whether no event could ever be of this type or pattern."""
    return not any(_names(pattern, event_type) for event_type in EVENT_TYPES)


def _names(pattern: str, event_type: str) -> bool:
    if pattern == "*":
        return True
    if pattern.endswith(".*"):
        return event_type.startswith(pattern[:-1])
    return event_type == pattern
