"""Kill, starve and stop a running deployment, and count what it lost.

python -m tests.chaos --sessions 200 --kills 10 --database sqlite
python -m tests.chaos --database postgresql --scenario slot
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from tests.chaos.applicants import Client, Sent, send_sessions
from tests.chaos.check import check, pending
from tests.chaos.deployment import Deployment
from tests.chaos.receiver import Receiver, listening
from tests.chaos.scenarios import SCENARIOS, Scene
from tests.service.postgres import PostgresServer, running_postgres

_SETTLE_S = 300.0


def main() -> int:
    """Run one scenario, print its figures as JSON, and fail where something was lost."""
    options = _options()
    scenario = SCENARIOS[options.scenario]
    with ExitStack() as stack:
        folder = stack.enter_context(scenario.folder())
        server: PostgresServer | None = None
        url = ""
        if options.database == "postgresql":
            server = stack.enter_context(running_postgres(durable=True))
            url = server.new_database()
        receiver = Receiver()
        receiver_url = stack.enter_context(listening(receiver))
        variables = {"STUB_PAUSE_S": str(options.pause_s), **scenario.variables(folder)}
        if options.pools:
            variables["STUB_POOLS"] = "1"
        deployment = Deployment(folder, url, options.workers, variables)
        stack.callback(deployment.stop)
        begin = time.monotonic()
        deployment.start()
        started_s = time.monotonic() - begin
        key = deployment.new_key()
        client = Client(deployment.url, key)
        client.register(receiver_url)
        sent: list[Sent] = []
        sending = threading.Thread(
            target=lambda: sent.extend(send_sessions(deployment.url, key, options.sessions))
        )
        begin = time.monotonic()
        sending.start()
        scene = Scene(deployment, key, server, random.Random(options.seed), options.kills, sending)
        notes = scenario.play(scene)
        sending.join()
        left = _settle(deployment)
        took_s = time.monotonic() - begin
        found = check(deployment.settings, [one.session_id for one in sent], receiver.taken)
        figures = {
            "scenario": options.scenario,
            "database": options.database,
            "workers": options.workers if url else 1,
            **notes,
            "first_start_s": round(started_s, 1),
            "took_s": round(took_s, 1),
            "unsettled": left,
            "receiver": {"refused": receiver.refused, "hung": receiver.hung},
            **found.figures(),
        }
        sys.stdout.write(json.dumps(figures, indent=1) + "\n")
        lost = bool(found.problems) or left != (0, 0) or len(sent) != options.sessions
        if lost and options.keep:
            _keep_logs(folder, Path(options.keep))
    return int(lost)


def _settle(deployment: Deployment) -> tuple[int, int]:
    deadline = time.monotonic() + _SETTLE_S
    left = (1, 1)
    while left != (0, 0) and time.monotonic() < deadline:
        time.sleep(0.5)
        left = pending(deployment.settings)
    return left


def _keep_logs(folder: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        (target / log.name).write_bytes(log.read_bytes())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2, help="on PostgreSQL")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--scenario", choices=tuple(SCENARIOS), default="kills")
    parser.add_argument("--pause-s", type=float, default=0.2, help="how long an analysis takes")
    parser.add_argument("--pools", action="store_true", help="stub layers in real children")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="where to put the logs of a run that lost something")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
