"""What a deployment takes: sessions a minute, times to a verdict, turns of tenants, a soak.

python -m tests.chaos.load --database postgresql --workers 2 --pause-s 0.5
python -m tests.chaos.load --measure soak --minutes 10

Stubs stand for the layers, so that the service and its engine are measured and nothing else.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import col, select

from service.database import Database
from service.tables import Attempt, CaptureRow, VerdictRow
from tests.chaos.applicants import Client, send_sessions
from tests.chaos.check import check, pending
from tests.chaos.deployment import Deployment
from tests.chaos.footprint import Footprint, footprint_of
from tests.chaos.receiver import Receiver, listening
from tests.service.postgres import running_postgres
from tests.service.tenants import new_tenant

_EVERY_S = 0.02
_SETTLE_S = 600.0
_SAMPLE_S = 15.0
Figures = dict[str, object]


@dataclass
class Running:
    """A started deployment with a key."""

    deployment: Deployment
    key: str
    pause_s: float
    receiver: Receiver

    @property
    def workers(self) -> int:
        return max(1, sum(one.role == "worker" for one in self.deployment.processes))


def throughput(running: Running, sessions: int) -> Figures:
    """Send as fast as it is taken; analyse as fast as the workers can."""
    begin = time.monotonic()
    with answering_times(running) as times:
        sent = send_sessions(running.deployment.url, running.key, sessions, at_once=4)
        sent_s = time.monotonic() - begin
        wait_until_done(running)
    took_s = time.monotonic() - begin
    # What one session costs beside its own analysis, where a worker always has the next one.
    overhead_ms = 1000 * (took_s * running.workers / sessions - running.pause_s)
    return {
        "sessions": sessions,
        "sent_in_s": round(sent_s, 2),
        "done_in_s": round(took_s, 2),
        "sessions_per_minute": round(60 * sessions / took_s, 1),
        "worker_ms_beside_the_analysis": round(overhead_ms, 1),
        "submit_ms": quantiles([1000 * one.took_s for one in sent]),
        "submit_to_verdict_ms": quantiles(verdict_times_ms(running)),
        "api_get_ms": quantiles(times),
    }


def half_load(running: Running, sessions: int, per_minute: float) -> Figures:
    """Send at an even pace, half of what the workers can take."""
    with answering_times(running) as times:
        send_at_pace(running, sessions, per_minute)
        wait_until_done(running)
    return {
        "sessions": sessions,
        "per_minute": per_minute,
        "submit_to_verdict_ms": quantiles(verdict_times_ms(running)),
        "api_get_ms": quantiles(times),
    }


def fairness(running: Running) -> Figures:
    """One tenant's 5 sessions behind another's 200."""
    database = Database(running.deployment.settings, 1)
    other = new_tenant(database)
    begin = time.time()
    many = threading.Thread(target=send_sessions, args=(running.deployment.url, running.key, 200))
    many.start()
    many.join()
    queued_s = time.time() - begin
    few = send_sessions(
        running.deployment.url, other.key, 5, at_once=1, workflow_id=other.workflow_id
    )
    wait_until_done(running)
    with database.read() as db:
        done = {row.session_id: row.created_at / 1000 for row in db.exec(select(VerdictRow)).all()}
    database.close()
    own = {one.session_id for one in few}
    last_few = max(done[one] for one in own)
    return {
        "many_queued_in_s": round(queued_s, 2),
        "last_of_5_s": round(last_few - min(one.at_s - one.took_s for one in few), 2),
        "last_of_200_s": round(max(at for one, at in done.items() if one not in own) - begin, 2),
        "of_200_done_before_last_of_5": sum(
            at < last_few for one, at in done.items() if one not in own
        ),
    }


def soak(running: Running, minutes: float, per_minute: float) -> Figures:
    """Half load for a while: memory, processes, files and connections must stay flat."""
    samples: list[Footprint] = []
    over = threading.Event()

    def sample() -> None:
        while not over.wait(_SAMPLE_S):
            samples.append(footprint_of(running.deployment))

    sampling = threading.Thread(target=sample)
    sampling.start()
    send_at_pace(running, round(minutes * per_minute), per_minute)
    wait_until_done(running)
    over.set()
    sampling.join()
    third = max(1, len(samples) // 3)
    first, last = samples[third : 2 * third], samples[-third:]
    return {
        "minutes": minutes,
        "per_minute": per_minute,
        "samples": len(samples),
        "second_third": Footprint.mean(first),
        "last_third": Footprint.mean(last),
        "end": samples[-1].as_dict(),
        "submit_to_verdict_ms": quantiles(verdict_times_ms(running)),
    }


@contextmanager
def answering_times(running: Running) -> Iterator[list[float]]:
    """Retrieve a session again and again meanwhile; yields the milliseconds."""
    client = Client(running.deployment.url, running.key)
    session_id = client.send_session().session_id
    times: list[float] = []
    over = threading.Event()

    def ask() -> None:
        while not over.wait(_EVERY_S):
            begin = time.perf_counter()
            client.record(session_id)
            times.append(1000 * (time.perf_counter() - begin))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield times
    finally:
        over.set()
        asking.join()
        client.close()


def send_at_pace(running: Running, sessions: int, per_minute: float) -> None:
    client = Client(running.deployment.url, running.key)
    begin = time.monotonic()
    for index in range(sessions):
        time.sleep(max(0.0, begin + 60 * index / per_minute - time.monotonic()))
        client.send_session()
    client.close()


def wait_until_done(running: Running) -> None:
    deadline = time.monotonic() + _SETTLE_S
    while time.monotonic() < deadline:
        if pending(running.deployment.settings)[0] == 0:
            return
        time.sleep(0.2)
    msg = "the analyses did not end"
    raise TimeoutError(msg)


def verdict_times_ms(running: Running) -> list[float]:
    """From a complete upload to its verdict, as the rows say."""
    database = Database(running.deployment.settings, 1)
    query = (
        select(VerdictRow.created_at, CaptureRow.received_at)
        .join(Attempt, col(Attempt.id) == col(VerdictRow.attempt_id))
        .join(CaptureRow, col(CaptureRow.attempt_id) == col(Attempt.id))
    )
    with database.read() as db:
        times = [float(done - received) for done, received in db.exec(query).all()]
    database.close()
    return times


def quantiles(values: Sequence[float]) -> Figures:
    """p50, p95, p99 and the number."""
    if len(values) < 2:
        return {"n": len(values)}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {
        "p50": round(cuts[49], 1),
        "p95": round(cuts[94], 1),
        "p99": round(cuts[98], 1),
        "n": len(values),
    }


def main() -> int:
    """Measure one thing on a fresh deployment and print it as JSON."""
    options = _options()
    with ExitStack() as stack:
        name = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="bonafide-load-", ignore_cleanup_errors=True)
        )
        url = ""
        if options.database == "postgresql":
            url = stack.enter_context(running_postgres(durable=True)).new_database()
        variables = {
            "STUB_PAUSE_S": str(options.pause_s),
            "BONAFIDE_MAX_PENDING_CAPTURES": "5000",
            "BONAFIDE_MAX_PENDING_PER_TENANT": "5000",
        }
        if options.pools:
            variables["STUB_POOLS"] = "1"
        deployment = Deployment(Path(name), url, options.workers, variables)
        stack.callback(deployment.stop)
        deployment.start()
        receiver = Receiver(failing_every=0, hanging_every=0)
        running = Running(deployment, deployment.new_key(), options.pause_s, receiver)
        if options.webhooks:
            client = Client(deployment.url, running.key)
            client.register(stack.enter_context(listening(receiver)))
            client.close()
        found = _measure(running, options)
        figures = {**vars(options), **found}
        problems = check(deployment.settings, [], receiver.taken).problems
        sys.stdout.write(json.dumps({**figures, "problems": problems}, indent=1) + "\n")
    return int(bool(problems))


def _measure(running: Running, options: argparse.Namespace) -> Figures:
    if options.measure == "throughput":
        return throughput(running, options.sessions)
    if options.measure == "half":
        return half_load(running, options.sessions, options.per_minute)
    if options.measure == "fairness":
        return fairness(running)
    return soak(running, options.minutes, options.per_minute)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--measure", choices=("throughput", "half", "fairness", "soak"), default="throughput"
    )
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--workers", type=int, default=1, help="on PostgreSQL")
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--pause-s", type=float, default=0.0, help="how long an analysis takes")
    parser.add_argument("--per-minute", type=float, default=60.0, help="for half and soak")
    parser.add_argument("--minutes", type=float, default=10.0, help="for soak")
    parser.add_argument("--pools", action="store_true", help="stub layers in real children")
    parser.add_argument("--webhooks", action="store_true", help="with a receiver")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
