"""`bonafide evaluate phrase`: recordings with a transcript against right and wrong phrases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from service.cli.evaluate import Manifest, Split, Where, conditions
from service.cli.options import AsJson, PolicyFile, Verbose, read_policy, read_settings
from service.cli.output import failed, native_silence, people, plain, print_json, require_file

if TYPE_CHECKING:
    from layers.evaluation.phrase import PhraseRate, PhraseTable
    from layers.evaluation.phrase_trials import PhraseRow
    from verdict.policy import Policy


Whisper = Annotated[
    Path | None,
    typer.Option(metavar="CHECKPOINT", help="Listen with this Whisper checkpoint."),
]
OpenWords = Annotated[
    bool,
    typer.Option(
        "--open",
        help="Hear phrases that are on no list in general English, as custom phrases are, not "
        "among the words of all recordings and the challenge list.",
    ),
]


def phrase(
    manifest: Manifest,
    split: Split = None,
    where: Where = None,
    whisper: Whisper = None,
    open_words: OpenWords = False,
    policy: PolicyFile = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Phrase match: accept rates on true and on false phrases."""
    from layers.capture.errors import MediaError
    from layers.evaluation.manifest import ManifestError
    from layers.evaluation.phrase import phrase_rows
    from layers.voice.whisper_recogniser import WhisperCheckpointError

    settings = read_settings()
    rules = read_policy(policy, settings)
    require_file(manifest, "MANIFEST")
    require_file(whisper, "--whisper")
    checkpoint = whisper or settings.whisper_checkpoint
    try:
        rows = phrase_rows(manifest, conditions(split, where))
        table = _measure(rows, rules, checkpoint, open_words=open_words, verbose=verbose)
    except ManifestError as error:
        raise failed("BAD_MANIFEST", error) from None
    except WhisperCheckpointError as error:
        raise failed("BAD_CHECKPOINT", error) from None
    except MediaError as error:
        raise failed(error.code, error) from None
    if as_json:
        print_json(_document(table, rules))
    else:
        _print(table, rules)


def _measure(
    rows: list[PhraseRow],
    policy: Policy,
    checkpoint: Path | None,
    *,
    open_words: bool,
    verbose: bool,
) -> PhraseTable:
    from layers.evaluation.phrase import common_vocabulary, evaluate_phrase
    from layers.voice.models import load_recogniser

    with (
        native_silence(verbose=verbose) as screen,
        Progress(console=screen, disable=not screen.is_terminal) as bar,
    ):
        task = bar.add_task("phrase", total=len(rows))
        recogniser = load_recogniser(checkpoint)
        words = () if open_words else common_vocabulary(rows)
        return evaluate_phrase(
            rows, recogniser, policy, done=lambda: bar.advance(task), vocabulary=words
        )


def _print(table: PhraseTable, policy: Policy) -> None:
    console = people()
    console.print(
        f"[bold]phrase[/]: {plain(table.recogniser)}, seed {table.seed} "
        f"(policy {plain(policy.version)})"
    )
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in (
        "recordings",
        "asked",
        "accepted",
        "95 % interval",
        "of",
        "recordings",
        "speakers",
        "phrases",
    ):
        grid.add_column(name, justify="left" if name in ("recordings", "asked") else "right")
    for rate in table.rates:
        low, high = rate.interval
        share = f"{100 * rate.accepted / rate.n:.1f} %" if rate.n else ""
        interval = f"{100 * low:.1f} - {100 * high:.1f} %"
        bases = (rate.recordings, rate.speakers, rate.phrases)
        counts = (f"{rate.accepted} / {rate.n}", *map(str, bases))
        grid.add_row(plain(rate.group), str(rate.trial), share, interval, *counts)
    console.print(grid)


def _document(table: PhraseTable, policy: Policy) -> dict[str, Any]:
    return {
        "layer": "phrase",
        "policy": {"version": policy.version, "digest": policy.digest},
        "recogniser": table.recogniser,
        "seed": table.seed,
        "rates": [_rate(rate) for rate in table.rates],
    }


def _rate(rate: PhraseRate) -> dict[str, Any]:
    return {
        "group": rate.group,
        "trial": str(rate.trial),
        "accepted": rate.accepted,
        "n": rate.n,
        "interval": list(rate.interval),
        "recordings": rate.recordings,
        "speakers": rate.speakers,
        "phrases": rate.phrases,
    }
