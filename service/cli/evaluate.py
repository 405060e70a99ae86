"""`bonafide evaluate`: error rates of one layer on labelled recordings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.cli.liveness_tables import Tables, print_tables
from service.cli.options import AsJson, PolicyFile, Verbose, read_policy, read_settings
from service.cli.output import failed, native_silence, people, print_json, require_file

if TYPE_CHECKING:
    from rich.console import Console

    from layers.evaluation.manifest import ManifestRow
    from layers.evaluation.pool import EvaluationSettings
    from layers.evaluation.scoring import ScoredRow, Scorer
    from verdict.evidence import LayerName
    from verdict.policy import Policy

evaluate = typer.Typer(
    no_args_is_help=True,
    help="Error rates of one layer on labelled recordings: MANIFEST has the columns path and "
    "label (bonafide, or anything else for an attack).",
)

Manifest = Annotated[Path, typer.Argument(metavar="MANIFEST.csv", show_default=False)]
Split = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only rows whose column split is NAME.")
]
Where = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN=VALUE", help="Only rows with this value; may be repeated."),
]
Detectors = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="embedded, aasist, aasist-l, transformers or ensemble; may be repeated.",
    ),
]
Scores = Annotated[
    Path | None, typer.Option(metavar="OUT.csv", help="Write the score of every row there.")
]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Files at a time [default: one per processor].")
]


@evaluate.command()
def voice(
    manifest: Manifest,
    split: Split = None,
    where: Where = None,
    detector: Detectors = None,
    scores: Scores = None,
    policy: PolicyFile = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Synthetic-speech detection. Rows with use=phrase_only are left out.

    With --detector the figures of each stand side by side, over all rows and over pairs, unseen
    speakers and generators, codecs, sources and generators; without, those of the layer as it
    is in force.
    """
    asked = conditions(split, where)
    if detector:
        _measure_detectors(
            tuple(dict.fromkeys(detector)), manifest, asked, scores, policy, jobs, as_json, verbose
        )
    else:
        _measure("voice", manifest, asked, scores, policy, jobs, as_json, verbose)


@evaluate.command()
def vision(
    manifest: Manifest,
    split: Split = None,
    where: Where = None,
    scores: Scores = None,
    policy: PolicyFile = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Visual deepfake detection, on videos and photos."""
    _measure("vision", manifest, conditions(split, where), scores, policy, jobs, as_json, verbose)


@evaluate.command()
def liveness(
    manifest: Manifest,
    split: Split = None,
    where: Where = None,
    table: Tables = None,
    scores: Scores = None,
    policy: PolicyFile = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """The four liveness checks; p_attack is the share that failed. Photos are left out."""
    if table:
        print_tables(manifest, split, table, read_policy(policy, read_settings()), verbose=verbose)
        return
    _measure("liveness", manifest, conditions(split, where), scores, policy, jobs, as_json, verbose)


def conditions(split: str | None, where: list[str] | None) -> dict[str, str]:
    """Return column and value of --split and each --where, or leave with a clear line."""
    wanted = {} if split is None else {"split": split}
    for condition in where or ():
        column, sign, value = condition.partition("=")
        if not sign or not column:
            raise failed("BAD_ARGUMENTS", f"--where wants COLUMN=VALUE, got {condition}")
        wanted[column] = value
    return wanted


def _measure(
    name: str,
    manifest: Path,
    where: dict[str, str],
    scores: Path | None,
    policy: Path | None,
    jobs: int | None,
    as_json: bool,
    verbose: bool,
) -> None:
    from layers.evaluation.scores_csv import write_scores
    from layers.evaluation.scoring import score_file
    from layers.evaluation.summary import summarise
    from service.cli.figures import print_summary, summary_document
    from verdict.evidence import LayerName

    layer = LayerName(name)
    rules = read_policy(policy, read_settings())
    scored = _scored(layer, manifest, where, scores, rules, jobs, score_file, verbose)
    if scores is not None:
        write_scores(layer, scored, scores)
    summary = summarise(layer, scored, rules)
    _name_unscored(scored)
    if as_json:
        print_json(summary_document(summary, rules))
    else:
        print_summary(people(), summary, rules)


def _measure_detectors(
    names: tuple[str, ...],
    manifest: Path,
    where: dict[str, str],
    scores: Path | None,
    policy: Path | None,
    jobs: int | None,
    as_json: bool,
    verbose: bool,
) -> None:
    from layers.evaluation.detectors import DetectorScorer, compare
    from layers.evaluation.scores_csv import write_detector_scores
    from layers.voice.detector.combined import combination
    from layers.voice.detector.errors import DetectorError
    from layers.voice.standing import standing
    from service.cli.detector_figures import comparison_document, print_comparison
    from service.layer_analyser import detector_files
    from verdict.evidence import LayerName

    settings = read_settings()
    rules = read_policy(policy, settings)
    for name in names:
        try:
            combination(name, rules)
        except DetectorError as error:
            raise failed("BAD_ARGUMENTS", f"--detector: {error}") from None
        if problem := standing(name, rules, detector_files(settings)).problem:
            raise failed("DETECTOR_NOT_READY", problem)
    scorer = DetectorScorer(names)
    scored = _scored(LayerName.VOICE, manifest, where, scores, rules, jobs, scorer, verbose)
    if scores is not None:
        write_detector_scores(scored, names, scores)
    comparison = compare(scored, names, rules)
    _name_unscored(scored)
    if as_json:
        print_json(comparison_document(comparison, rules))
    else:
        print_comparison(people(), comparison, rules)


def _scored(
    layer: LayerName,
    manifest: Path,
    where: dict[str, str],
    scores: Path | None,
    policy: Policy,
    jobs: int | None,
    scorer: Scorer,
    verbose: bool,
) -> list[ScoredRow]:
    from layers.evaluation.manifest import ManifestError, rows_for
    from layers.evaluation.pool import EvaluationSettings
    from service.layer_analyser import model_paths

    require_file(manifest, "MANIFEST")
    if scores is not None and not scores.absolute().parent.is_dir():
        raise failed("FILE_NOT_FOUND", f"--scores: there is no folder {scores.absolute().parent}")
    try:
        rows = rows_for(layer, manifest, where)
    except ManifestError as error:
        raise failed("BAD_MANIFEST", error) from None
    how = EvaluationSettings(models=model_paths(read_settings(), policy), scorer=scorer)
    if jobs is not None:
        how = replace(how, jobs=jobs)
    with native_silence(verbose=verbose) as screen:
        return _score_with_bar(screen, layer, rows, policy, how)


def _name_unscored(rows: list[ScoredRow]) -> None:
    for row in rows:
        if row.score is None:
            typer.echo(f"not scored: {row.row.path}: {' '.join(row.error.split())}", err=True)


def _score_with_bar(
    screen: Console,
    layer: LayerName,
    rows: list[ManifestRow],
    policy: Policy,
    settings: EvaluationSettings,
) -> list[ScoredRow]:
    from layers.evaluation.pool import score_rows

    columns = (
        TextColumn(f"{layer}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=screen, disable=not screen.is_terminal) as bar:
        return list(bar.track(score_rows(layer, rows, policy, settings), total=len(rows)))
