"""A real service for the restart test: its analyser takes as long as a file says.

Run as ``python restart_app.py DATA_DIR PORT PAUSE_S``: builders stand for the layers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn

from service.app import create_app
from service.settings import Settings
from tests.service.service_builders import BuilderAnalyser, deepfake_evidence


def main(data_dir: str, port: str, pause_s: str) -> None:
    """Serve until killed."""
    settings = Settings(data_dir=Path(data_dir), port=int(port), drain_timeout_s=0.5)
    analyser = BuilderAnalyser(evidence=deepfake_evidence(), analyse_pause_s=float(pause_s))
    app = create_app(settings, analyser)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
