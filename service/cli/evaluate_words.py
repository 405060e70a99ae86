"""`bonafide evaluate words`: how far apart the words of a challenge list are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from service.cli.evaluate_phrase import Whisper
from service.cli.options import AsJson, Verbose, read_settings
from service.cli.output import failed, native_silence, people, plain, print_json, require_file

if TYPE_CHECKING:
    from pathlib import Path

    from layers.evaluation.words import Pair, SpokenList
    from layers.voice.recogniser import Vocabulary

_SHOWN = 8
_DIGITS_SAID = 5

Language = Annotated[str, typer.Option(metavar="ISO", help="Whose list: en, de, …")]
Digits = Annotated[bool, typer.Option("--digits", help="The ten digits instead of the list.")]
Rounds = Annotated[
    int,
    typer.Option(min=0, help="How often each espeak-ng voice says each word; 0: distances only."),
]
Seed = Annotated[int, typer.Option(help="Of the phrases that are said.")]


def words(
    language: Language = "en",
    digits: Digits = False,
    rounds: Rounds = 0,
    whisper: Whisper = None,
    seed: Seed = 0,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Distances in sound between the words of a list, and what is heard of synthetic speech."""
    from layers.evaluation.words import pairs_by_distance
    from layers.voice.challenge import word_list
    from layers.voice.numerals import digit_words
    from layers.voice.recogniser import Vocabulary

    require_file(whisper, "--whisper")
    listed = digit_words(language) if digits else word_list(language)
    if len(listed) < 2:
        raise failed("BAD_ARGUMENTS", f"there is no list for language '{language}'")
    vocabulary = Vocabulary("digits" if digits else "words", language, listed)
    pairs = pairs_by_distance(listed, language)
    spoken = _listen(vocabulary, rounds, seed, whisper, verbose=verbose) if rounds else None
    if as_json:
        print_json(_document(vocabulary, pairs, spoken))
    else:
        _print(vocabulary, pairs, spoken)


def _listen(
    vocabulary: Vocabulary, rounds: int, seed: int, whisper: Path | None, *, verbose: bool
) -> SpokenList:
    from layers.evaluation.words import NoSynthesiserError, phrases_per_run, speak_and_hear
    from layers.voice.challenge import N_WORDS
    from layers.voice.models import load_recogniser
    from layers.voice.whisper_recogniser import WhisperCheckpointError

    length = _DIGITS_SAID if vocabulary.name == "digits" else N_WORDS
    total = phrases_per_run(vocabulary, rounds, length)
    with (
        native_silence(verbose=verbose) as screen,
        Progress(console=screen, disable=not screen.is_terminal) as bar,
    ):
        task = bar.add_task("words", total=total)
        try:
            recogniser = load_recogniser(whisper or read_settings().whisper_checkpoint)
            return speak_and_hear(
                vocabulary, recogniser, rounds, seed, length, lambda: bar.advance(task)
            )
        except NoSynthesiserError as error:
            raise failed("NO_SYNTHESISER", error) from None
        except WhisperCheckpointError as error:
            raise failed("BAD_CHECKPOINT", error) from None


def _print(vocabulary: Vocabulary, pairs: tuple[Pair, ...], spoken: SpokenList | None) -> None:
    from layers.evaluation.words import median_distance, nearest_median

    console = people()
    title = f"{vocabulary.name}, {vocabulary.language}: {len(vocabulary.words)} words"
    console.print(f"[bold]{plain(title)}[/]")
    unit = "phones" if vocabulary.language == "en" else "letters"
    console.print(
        f"distance of a pair (share of {unit} changed): smallest {pairs[0].distance:.2f}, "
        f"median {median_distance(pairs):.2f}; to a word's nearest neighbour: median "
        f"{nearest_median(pairs):.2f}"
    )
    closest = ", ".join(f"{p.first}/{p.second} {p.distance:.2f}" for p in pairs[:_SHOWN])
    console.print(f"closest: {plain(closest)}")
    if spoken is not None:
        _print_spoken(spoken)


def _print_spoken(spoken: SpokenList) -> None:
    low, high = spoken.interval
    console = people()
    console.print(
        f"{plain(spoken.recogniser)}, seed {spoken.seed}, espeak-ng: "
        f"{spoken.phrases_right} of {spoken.phrases_said} phrases heard word for word "
        f"({100 * low:.1f} - {100 * high:.1f} %); {spoken.words_right} of {spoken.words_said} words"
    )
    grid = Table("said", "heard", "times", box=None, pad_edge=False, header_style="bold")
    for confusion in spoken.confusions[:_SHOWN]:
        grid.add_row(plain(confusion.said), plain(confusion.heard), str(confusion.times))
    console.print(grid)


def _document(
    vocabulary: Vocabulary, pairs: tuple[Pair, ...], spoken: SpokenList | None
) -> dict[str, Any]:
    from dataclasses import asdict

    from layers.evaluation.words import median_distance, nearest_median

    return {
        "list": vocabulary.name,
        "language": vocabulary.language,
        "words": list(vocabulary.words),
        "smallest_distance": pairs[0].distance,
        "median_distance": median_distance(pairs),
        "median_nearest_distance": nearest_median(pairs),
        "closest": [asdict(pair) for pair in pairs[:_SHOWN]],
        "spoken": asdict(spoken) if spoken else None,
    }
