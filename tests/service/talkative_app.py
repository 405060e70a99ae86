"""A real service for the test of the logs: faults in it hold what a log must not.

Run as ``python -m tests.service.talkative_app DATA_DIR PORT MARKER``: builders stand for the
layers; everything else is real, and logs as much as it can.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fastapi import FastAPI

from service.api.auth import ContextDep
from service.app import create_app
from service.server import serve_app
from service.settings import Settings
from service.tables import DEFAULT_ORGANIZATION_ID, User
from tests.service.service_builders import BuilderAnalyser, deepfake_evidence
from tests.service.voice_builders import BuilderEar
from tests.service.webhook_builders import INSIDE


def main(data_dir: str, port: str, marker: str) -> None:
    """Serve until stopped."""
    settings = Settings(
        data_dir=Path(data_dir),
        port=int(port),
        log_level="DEBUG",
        retry_pause_s=0,
        webhook_schedule_s=(0.0, 0.1),
        **INSIDE,
    )
    analyser = BuilderAnalyser(
        evidence=deepfake_evidence(), analyse_errors=[RuntimeError(f"crash of {marker}")]
    )
    ear = BuilderEar()
    ear.recording()  # known here as it is to the test
    app = create_app(settings, analyser, ear)
    _add_faults(app)
    serve_app(app, settings)


def _add_faults(app: FastAPI) -> None:
    @app.get("/fault/{what}")
    def fault(what: str) -> None:
        raise RuntimeError(f"fault of {what}")

    @app.get("/fault-of-the-database/{what}")
    def fault_of_the_database(what: str, context: ContextDep) -> None:
        with context.database.write() as db:
            for _ in range(2):
                row = User(
                    id="same",
                    organization_id=DEFAULT_ORGANIZATION_ID,
                    first_name=what,
                    last_name=what,
                )
                db.add(row)
                db.flush()
                db.expunge(row)


if __name__ == "__main__":
    main(*sys.argv[1:])
