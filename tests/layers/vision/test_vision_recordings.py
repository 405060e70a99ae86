"""On real recordings, where they are there: a swap scores above the clip it was made from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layers.capture.load import load_video
from layers.vision import analyse
from layers.vision.training.clips import read_clips
from verdict.policy import load_policy

DATA = Path(os.environ.get("BONAFIDE_DATA", Path(__file__).parents[3].parent / "shared/data"))
PAIRS = ("pair-166", "pair-172")

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(
        not (DATA / "face" / "manifest.csv").exists(),
        reason="labelled recordings not found: set BONAFIDE_DATA to the folder that holds face/",
    ),
]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_swap_scores_below_its_original(pair: str) -> None:
    clips = [clip for clip in read_clips(DATA / "face", "dev") if clip.pair == pair]
    scores = {}
    for clip in clips:
        result = analyse(load_video(clip.path), load_policy())
        assert result.score is not None
        assert result.confidence > 0.5
        scores[clip.is_attack] = result.score
    assert scores[True] < scores[False]
