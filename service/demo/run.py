"""The demo from start to end: service up, session, attack, verdict, report, service down."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
from rich.console import Console

from service.demo.attack import AttackFiles, make_attack
from service.demo.client import DemoClient, RequestError
from service.demo.server import ServiceError, running_service
from service.demo.speech import SpeechError

Wire = dict[str, Any]


class DemoError(RuntimeError):
    """The demo did not go as it should; the message says what happened."""


def run_demo(report: Path, *, verbose: bool = False) -> None:
    """Attack a fresh service with an animated portrait and show what it decides.

    Parameters
    ----------
    report
        Where the HTML report is written.

    Raises
    ------
    DemoError
        When any part fails, or when the attack is not rejected. The service is stopped before.
    """
    console = Console(highlight=False, soft_wrap=True)
    try:
        with _interruptible(), tempfile.TemporaryDirectory(prefix="bonafide-demo-") as folder:
            attack, record = _attack(console, Path(folder))
            analysis = record["analysis_data"]
            _show(console, record["status"], analysis)
            _write_report(report, analysis, attack, verbose=verbose)
    except (ServiceError, RequestError, SpeechError, httpx.HTTPError, OSError) as error:
        raise DemoError(str(error)) from error
    console.print(f"report   {report.absolute()}")
    verdict = analysis["deepfake_detection_data"]["verdict"]
    if verdict != "DEEPFAKE" or record["status"] != "REJECTED":
        msg = f"the attack was not rejected: verdict {verdict}, session {record['status']}"
        raise DemoError(msg)


def _attack(console: Console, folder: Path) -> tuple[AttackFiles, Wire]:
    data_dir = folder / "data"
    data_dir.mkdir()
    api_key = _new_key(data_dir)
    console.print("service  starting, with a fresh database …")
    with running_service(data_dir) as address, closing(DemoClient(address, api_key)) as client:
        opened = client.create_session()
        console.print(f"service  {address}\nsession  {opened.session_id} created")
        phrase, steps = client.challenge(opened.capture_token)
        console.print(f"asked    say “{phrase}”; {', '.join(steps)}")
        attack = make_attack(phrase, steps, folder / "attack")
        console.print(f"attack   one still portrait, animated: {len(attack.frames)} frames, speech")
        client.upload(opened.capture_token, attack)
        console.print("upload   taken; waiting for the verdict …")
        record = client.wait_for_verdict(opened.session_id)
    console.print("service  stopped")
    return attack, record


def _new_key(data_dir: Path) -> str:
    from service.database import Database
    from service.keys import create_key
    from service.settings import Settings

    database = Database(Settings(data_dir=data_dir, database_url=""))
    try:
        database.create()
        return create_key(database, name="demo").text
    finally:
        database.close()


def _show(console: Console, status: str, analysis: Wire) -> None:
    """Print the result, the rule that decided, and what was true of the attack."""
    data = analysis["deepfake_detection_data"]
    evidence = analysis["deepfake_detection_evidence"]
    console.print(f"\ndeepfake_detection_data\n{json.dumps(data, indent=2)}\n", markup=False)
    rule = evidence["rule"]
    console.print(
        f"decided  rule {rule['priority']} ({rule['name']}): {rule['statement']}; "
        f"{evidence['reason_code']}; session {status}",
        markup=False,
    )
    for reason in reasons(evidence):
        console.print(f"because  {reason}", markup=False)


def reasons(evidence: Wire) -> list[str]:
    """Return in words what failed or fired, most decisive first."""
    found = []
    liveness, vision, voice = evidence["liveness"], evidence["vision"], evidence["voice"]
    for name, check in (liveness["checks"] if liveness else {}).items():
        if not check["passed"]:
            found.append(f"{name} failed: {check['reason']}")
    if voice and voice["phrase"] and not voice["phrase"]["matched"]:
        found.append(f"the words were not recognised: {voice['phrase']['reason']}")
    for code, signal_ in (vision["signals"] if vision else {}).items():
        if signal_["fired"]:
            found.append(f"{code}: {signal_['reason']}")
    thresholds = evidence["policy"]["thresholds"]
    if voice and 100 * voice["p_attack"] > thresholds["voice"]:
        found.append(f"the speech is synthetic with risk {100 * voice['p_attack']:.0f}")
    return found


def _write_report(report: Path, analysis: Wire, attack: AttackFiles, *, verbose: bool) -> None:
    """Decode our own files again for the pictures: the report needs them, the service kept none
    of it for us.
    """
    from layers.capture.load import load_frames
    from service.cli.output import native_silence
    from service.report import render_report

    with native_silence(verbose=verbose):
        capture = load_frames(attack.folder)
    page = render_report(
        analysis["deepfake_detection_data"], analysis["deepfake_detection_evidence"], capture
    )
    report.write_text(page, encoding="utf-8")


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C does, so that the service is stopped then too."""

    def leave(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
