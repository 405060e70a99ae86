"""Every kept input still ends in a typed outcome; a short campaign finds nothing new."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from layers.runner import LayerRunner
from tests.fuzz.campaign import attempt, campaign, confined
from tests.fuzz.corpus import FOLDER, Entry, load_corpus
from tests.fuzz.seeds import make_seeds
from tests.fuzz.trial import UNTYPED, Trial

_SEED = 20261121
_CORPUS = load_corpus()


@pytest.fixture(scope="module")
def runner() -> Iterator[LayerRunner]:
    with confined() as running:
        yield running


@pytest.mark.parametrize("entry", _CORPUS, ids=lambda entry: entry.name)
def test_kept_inputs(runner: LayerRunner, tmp_path: Path, entry: Entry) -> None:
    path = tmp_path / "input"
    path.write_bytes(entry.data)
    told = attempt(runner, Trial(target=entry.target, path=path))
    assert not told.outcome.startswith(UNTYPED), told
    if not entry.outcome.startswith(("child", UNTYPED)):  # those are mended, or the decoder's own
        assert told.outcome == entry.outcome, told


def test_the_corpus_is_small_and_reaches_every_target() -> None:
    assert {entry.target for entry in _CORPUS} == {
        *("video", "audio", "image", "description", "multipart")
    }
    assert len({(entry.target, entry.outcome) for entry in _CORPUS}) >= 12
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 300_000


def test_a_short_campaign(tmp_path: Path) -> None:
    seeds = make_seeds(tmp_path)
    figures = campaign(seeds, tmp_path, seed=_SEED, end=time.monotonic() + 60, most=120)
    assert not figures.failures, figures.failures
    assert figures.inputs == 120
    assert len(figures.outcomes) > 6
