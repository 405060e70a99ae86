"""Liveness on a few real recordings of the dev split, where the shared data is present."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from layers.capture.load import load_video
from layers.liveness import analyse
from verdict.evidence import CheckName
from verdict.policy import load_policy

_REPOSITORY = Path(__file__).parents[3]
_DATA = Path(os.environ.get("BONAFIDE_DATA", _REPOSITORY.parent / "shared" / "data"))
_VIDEOS = _DATA / "face" / "videos"

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(
        not _VIDEOS.is_dir(),
        reason="needs the labelled recordings: set BONAFIDE_DATA or put them in ../shared/data",
    ),
]

_BLINK, _TURNS = CheckName.BLINK_DETECTION, CheckName.HEAD_MOVEMENT
_ALWAYS = {CheckName.LANDMARK_DETECTION, CheckName.FRAME_TIMING}


@pytest.mark.parametrize(
    ("clip", "passing"),
    [
        ("real/anit-spoofing/001.mp4", {_BLINK, _TURNS}),
        ("real/liveportrait/002.mp4", {_BLINK, _TURNS}),
        ("real/video-retalking/005.mp4", {_BLINK}),
        ("real/video-retalking/002.mp4", set()),
        ("reenactment/sadtalker/002.mp4", set()),
    ],
)
def test_checks_follow_what_is_seen(clip: str, passing: set[CheckName]) -> None:
    result = analyse(load_video(_VIDEOS / clip), load_policy())
    assert {check.name for check in result.checks if check.passed} == passing | _ALWAYS


def test_a_source_that_is_played_to_and_fro_is_a_loop() -> None:
    result = analyse(load_video(_VIDEOS / "generated/musetalk/001.mp4"), load_policy())
    assert "shown before" in result.check(CheckName.FRAME_TIMING).reason
