"""What a person's verifications of the last minutes were: retries and the trend look back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from service.voice.tables import VoiceKind, VoiceRequestRow, VoiceState
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
