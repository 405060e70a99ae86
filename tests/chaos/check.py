"""What must hold after whatever happened, read from the database and from the receiver."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlmodel import col, func, select

from service.audit.tables import AuditRow
from service.audit.verify import verify_all
from service.database import Database
from service.settings import Settings
from service.tables import Attempt, AttemptState, EventRow, SessionRow, SessionStatus, VerdictRow
from service.webhooks.tables import DeliveryRow, DeliveryState
from tests.chaos.receiver import Received

_VERDICT = "verdict.recorded"


@dataclass(frozen=True, slots=True)
class Findings:
    """Counts; `problems` is empty when everything held."""

    sessions: int
    verdicts: int
    verified: int
    failed: int
    doubled: int
    most_tries: int
    events: int
    deliveries_delivered: int
    received: int
    received_events: int
    problems: tuple[str, ...]

    def figures(self) -> dict[str, object]:
        return asdict(self)


def pending(settings: Settings) -> tuple[int, int]:
    """Return how many attempts and how many deliveries are not done yet."""
    database = Database(settings, 1)
    try:
        with database.read() as db:
            attempts = select(func.count()).where(
                col(Attempt.state).in_((AttemptState.QUEUED, AttemptState.RUNNING))
            )
            deliveries = select(func.count()).where(DeliveryRow.state == DeliveryState.WAITING)
            return db.exec(attempts).one(), db.exec(deliveries).one()
    finally:
        database.close()


def check(settings: Settings, sent: Sequence[str], taken: Sequence[Received]) -> Findings:
    """Compare what was sent, what is stored and what was received."""
    database = Database(settings, 1)
    with database.read() as db:
        sessions = db.exec(select(SessionRow)).all()
        verdicts = db.exec(select(VerdictRow.session_id)).all()
        tries = db.exec(select(Attempt.tries)).all()
        events = db.exec(select(EventRow)).all()
        delivered = db.exec(
            select(func.count()).where(DeliveryRow.state == DeliveryState.DELIVERED)
        ).one()
        audited = db.exec(
            select(AuditRow.subject_id, AuditRow.action).where(
                col(AuditRow.action).in_({one.type for one in events} | {_VERDICT})
            )
        ).all()
    chains = verify_all(database)
    database.close()
    problems: list[str] = []
    wanted = set(sent)
    if missing := wanted - set(verdicts):
        problems.append(f"{len(missing)} sessions without a verdict")
    if doubled := len(verdicts) - len(set(verdicts)):
        problems.append(f"{doubled} verdicts too many")
    statuses = {row.id: row.status for row in sessions}
    if wrong := [one for one in wanted if statuses.get(one) != SessionStatus.VERIFIED]:
        problems.append(f"{len(wrong)} sessions not VERIFIED")
    problems += [f"audit log {one.problem}" for one in chains if one.problem is not None]
    written = Counter((one.session_id, one.type) for one in events)
    written.update((one, _VERDICT) for one in verdicts)
    if written != Counter(audited):
        problems.append("events or verdicts without an audit entry, or entries without them")
    problems += _sequence_problems(events)
    problems += _receipt_problems([one for one in events if one.session_id in wanted], taken)
    return Findings(
        sessions=len(wanted),
        verdicts=len(verdicts),
        verified=sum(status == SessionStatus.VERIFIED for status in statuses.values()),
        failed=sum(status == SessionStatus.FAILED for status in statuses.values()),
        doubled=doubled,
        most_tries=max(tries, default=0),
        events=len(events),
        deliveries_delivered=delivered,
        received=len(taken),
        received_events=len({one.webhook_id for one in taken}),
        problems=tuple(problems),
    )


def _sequence_problems(events: Sequence[EventRow]) -> list[str]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for event in events:
        numbers[event.session_id].append(event.sequence)
    gaps = [one for one in numbers.values() if sorted(one) != list(range(1, len(one) + 1))]
    return [f"{len(gaps)} sessions with gaps in their events"] if gaps else []


def _receipt_problems(events: Sequence[EventRow], taken: Sequence[Received]) -> list[str]:
    problems = []
    ids: dict[tuple[str, int], set[str]] = defaultdict(set)
    first: dict[str, list[int]] = defaultdict(list)
    for one in taken:
        known = ids[one.session_id, one.sequence]
        if not known:
            first[one.session_id].append(one.sequence)
        known.add(one.webhook_id)
    missing = [one for one in events if not ids[one.session_id, one.sequence]]
    if missing:
        problems.append(f"{len(missing)} events never received")
    if several := sum(len(one) > 1 for one in ids.values()):
        problems.append(f"{several} events under several ids")
    if unordered := sum(one != sorted(one) for one in first.values()):
        problems.append(f"{unordered} sessions whose events arrived out of order")
    return problems
