"""What a person's verifications of the last minutes were: retries and the trend look back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from service.clock import now_ms
from service.errors import ConflictError
from service.voice.tables import VoiceKind, VoiceRequestRow, VoiceState
from verdict.policy import Policy
from verdict.rules import ReasonCode
from verdict.speaker import UseCase, VoiceOutcome


def recent_verifications(
    db: Session, organization_id: str, external_id: str, since_ms: int
) -> list[VoiceRequestRow]:
    """Return a person's finished verifications since then, the latest first."""
    query = (
        select(VoiceRequestRow)
        .where(
            VoiceRequestRow.organization_id == organization_id,
            VoiceRequestRow.external_id == external_id,
            VoiceRequestRow.kind == VoiceKind.VERIFICATION,
            VoiceRequestRow.state == VoiceState.COMPLETED,
            col(VoiceRequestRow.finished_at) >= since_ms,
        )
        .order_by(col(VoiceRequestRow.finished_at).desc())
    )
    return list(db.exec(query).all())


def inconclusive_in_a_row(latest_first: Sequence[VoiceRequestRow]) -> int:
    """Return how many of the latest single verifications were inconclusive."""
    count = 0
    for row in latest_first:
        if row.use_case == UseCase.CONTINUOUS:
            continue
        if row.outcome != VoiceOutcome.INCONCLUSIVE:
            break
        count += 1
    return count


def check_open(db: Session, policy: Policy, row: VoiceRequestRow) -> None:
    """Refuse a verification after synthetic audio, or when the one retry is used.

    Checked when it is sent and again when it ends: recordings that are sent at once must not
    have more tries than recordings in turn.

    Raises
    ------
    ConflictError
        When voice is closed for this person.
    """
    closed_s = policy.number("speaker.retry.closed_s")
    since_ms = now_ms() - round(1000 * closed_s)
    latest = recent_verifications(db, row.organization_id, row.external_id, since_ms)
    synthetic = any(one.reason_code == ReasonCode.SYNTHETIC_AUDIO_DETECTED for one in latest)
    used = row.use_case != UseCase.CONTINUOUS and inconclusive_in_a_row(latest) >= 2
    if synthetic or used:
        why = "synthetic audio was detected" if synthetic else "the one retry is used"
        message = f"{why}: verify in another way, or by voice after {closed_s:g} s"
        raise ConflictError(message, "VOICE_RETRY_CLOSED")
