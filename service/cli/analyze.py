"""`bonafide analyze`: one recording in, the verdict and its reasons out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from service.cli.options import AsJson, PolicyFile, Verbose, read_policy, read_settings
from service.cli.output import BROKEN, failed, native_silence, people, print_json, require_file

if TYPE_CHECKING:
    from rich.console import Console

    from layers.runner import Analysis, MediaRequest
    from service.settings import Settings
    from verdict.policy import Policy

_NO_PHRASE = "no --phrase was given: the word rule was skipped"


def analyze(
    video: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A recording (MP4, WebM, MOV).")
    ] = None,
    audio: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sound in place of the video's own, or on its own."),
    ] = None,
    frames: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Pictures with their capture.json.")
    ] = None,
    phrase: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Words that were asked for.")
    ] = None,
    policy: PolicyFile = None,
    as_json: AsJson = False,
    report: Annotated[
        Path | None, typer.Option(metavar="HTML", help="Write a self-contained report there.")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Analyse one recording and print the verdict with its reasons.

    Without --phrase the word rule is skipped. The exit code is 0 whatever the verdict is, 2 when
    the recording can't be used.
    """
    from service.cli.tables import print_analysis
    from verdict.engine import decide
    from verdict.wire import detection_data, detection_evidence

    settings = read_settings()
    rules = read_policy(policy, settings)
    request = _request(video, audio, frames, phrase)
    if report is not None and not report.absolute().parent.is_dir():
        raise failed("FILE_NOT_FOUND", f"--report: there is no folder {report.absolute().parent}")
    analysis = _analysed(request, rules, settings, verbose=verbose)
    decision = decide(analysis.evidence, rules)
    data = detection_data(decision, datetime.now(UTC))
    evidence = detection_evidence(decision)
    if report is not None:
        from service.report import render_report

        report.write_text(render_report(data, evidence, analysis.capture), encoding="utf-8")
    if as_json:
        print_json({"deepfake_detection_data": data, "deepfake_detection_evidence": evidence})
    else:
        print_analysis(people(), data, evidence)
        if report is not None:
            typer.echo(f"report: {report}")
    if evidence["word_rule"] == "skipped":
        typer.echo(_NO_PHRASE, err=True)


def _request(
    video: Path | None, audio: Path | None, frames: Path | None, phrase: str | None
) -> MediaRequest:
    from layers.capture.description import read_description
    from layers.capture.errors import MediaError
    from layers.capture.types import Challenge
    from layers.runner import MediaRequest

    require_file(video, "--video")
    require_file(audio, "--audio")
    require_file(frames, "--frames", folder=True)
    if phrase is not None and not phrase.strip():
        raise failed("BAD_PHRASE", "--phrase is empty; leave it out to skip the word rule")
    try:
        if frames is None:
            return MediaRequest(video=video, audio=audio, challenge=Challenge(phrase=phrase))
        asked = read_description(frames).challenge(phrase)
        return MediaRequest(video=video, audio=audio, frames=frames, challenge=asked)
    except MediaError as error:
        raise failed(error.code, error) from None
    except ValueError as error:
        raise failed("BAD_ARGUMENTS", error) from None


def _analysed(
    request: MediaRequest, policy: Policy, settings: Settings, *, verbose: bool
) -> Analysis:
    from layers.capture.errors import MediaError

    try:
        return _run(request, policy, settings, verbose=verbose)
    except MediaError as error:
        raise failed(error.code, error) from None
    except RuntimeError as error:
        raise failed("BROKEN_INSTALLATION", f"{error} (see --verbose)", BROKEN) from None


def _run(request: MediaRequest, policy: Policy, settings: Settings, *, verbose: bool) -> Analysis:
    """Decode and analyse in children, with a bar for people."""
    from layers.runner import LayerRunner
    from service.layer_analyser import runner_settings

    with (
        native_silence(verbose=verbose) as screen,
        _bar(screen) as bar,
        LayerRunner(runner_settings(settings, policy)) as runner,
    ):
        # The layers load their models meanwhile; bad media is refused without waiting for them.
        task = bar.add_task("decoding and tracking", total=3)
        start = perf_counter()
        capture = runner.decode(replace(request, policy=policy))
        capture_ms = 1000 * (perf_counter() - start)
        bar.update(task, advance=1, description="loading models")
        runner.wait_until_warm()
        bar.update(task, advance=1, description="liveness, vision, voice")
        return runner.analyse_capture(capture, policy, capture_ms)


def _bar(screen: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    )
