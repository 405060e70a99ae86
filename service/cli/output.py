"""What reaches the screen: results on stdout, everything else on stderr, libraries kept silent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.markup import escape

BAD_INPUT = 2
BROKEN = 1
_PIPE_WIDTH = 160


def failed(code: str, message: object, status: int = BAD_INPUT) -> typer.Exit:
    """Say in one line on stderr what is wrong, and return what to raise."""
    one_line = " ".join(str(message).split())
    typer.echo(f"error [{code}]: {one_line}", err=True)
    return typer.Exit(status)


def require_file(path: Path | None, option: str, *, folder: bool = False) -> None:
    """Leave with a clear line when `path` was given but is not there."""
    if path is None:
        return
    if not path.exists():
        raise failed("FILE_NOT_FOUND", f"{option}: there is no {path}")
    if folder != path.is_dir():
        raise failed("FILE_NOT_FOUND", f"{option}: {path} is {'not ' if folder else ''}a folder")


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


def people() -> Console:
    """Return the console for what people read, on stdout; a pipe or a file gets wide lines."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


def plain(text: object) -> str:
    """Return text as it is: nothing in it is taken for markup."""
    return escape(str(text))


@contextmanager
def native_silence(*, verbose: bool = False) -> Iterator[Console]:
    """Keep what native libraries write themselves off both streams, in children too.

    Children inherit the descriptors, so the redirection has to be in place when they start.

    Parameters
    ----------
    verbose
        Let them write to stderr: the way to see why an installation is broken.

    Yields
    ------
    Console
        Still reaches the real stderr, for progress.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved_out, saved_err = os.dup(1), os.dup(2)
    screen = _screen(saved_err)
    sink = os.dup(2) if verbose else os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    try:
        yield Console(file=screen, highlight=False)
    finally:
        screen.flush()
        os.dup2(saved_out, 1)
        os.dup2(saved_err, 2)
        for descriptor in (saved_out, saved_err, sink):
            os.close(descriptor)


def _screen(stderr: int) -> TextIO:
    """Return a stream to the real stderr; one that a caller put in its place stays."""
    try:
        replaced = sys.stderr.fileno() != 2
    except OSError:  # io.UnsupportedOperation: it lives in memory
        replaced = True
    return sys.stderr if replaced else os.fdopen(stderr, "w", closefd=False)
