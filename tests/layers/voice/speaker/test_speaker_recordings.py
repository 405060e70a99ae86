"""On real recordings, where they are there: one person's are alike, two people's are not."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import pytest

from layers.capture.load import load_audio_only
from layers.known_models import known_models
from layers.registry import State, find
from layers.voice.quality import measure_quality
from layers.voice.speaker.load import load_encoder
from layers.voice.speaker.similarity import match
from layers.voice.speaker.trials import PEOPLE
from layers.voice.speaker.voiceprint import Voiceprint, voiceprint_of
from verdict.policy import load_policy

DATA = Path(os.environ.get("BONAFIDE_DATA", Path(__file__).parents[4].parent / "shared/data"))
SOURCE = "styletts2_demo"  # the source of dev with several people
CLIPS_EACH = 2

pytestmark = [
    pytest.mark.recordings,
    pytest.mark.skipif(
        not (DATA / "voice" / "manifest.csv").exists(),
        reason="labelled recordings not found: set BONAFIDE_DATA to the folder that holds voice/",
    ),
    pytest.mark.skipif(
        find(next(one for one in known_models() if one.name == "speaker-ge2e")).state
        is State.ABSENT,
        reason="the speaker encoder is not here: pip install --no-deps resemblyzer==0.1.4",
    ),
]


def test_people_of_dev_are_told_apart() -> None:
    prints = _voiceprints()
    assert len(prints) >= 5
    policy = load_policy()
    same = [match(one, other, policy)[1] for one, other in prints.values()]
    different = [
        match(prints[one][0], prints[other][0], policy)[1] for one, other in combinations(prints, 2)
    ]
    assert min(same) >= 55  # none of them is taken for another person
    assert sum(one >= 75 for one in same) >= len(same) - 1
    assert max(different) < 75


def _voiceprints() -> dict[str, list[Voiceprint]]:
    encoder, policy = load_encoder("ge2e"), load_policy()
    found: dict[str, list[Voiceprint]] = defaultdict(list)
    with (DATA / "voice" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            wanted = row["split"] == "dev" and row["source"] == SOURCE
            bona_fide = row["label"] == "bonafide" and PEOPLE.fullmatch(row["speaker"])
            if not (wanted and bona_fide) or len(found[row["speaker"]]) == CLIPS_EACH:
                continue
            audio = load_audio_only(DATA / "voice" / row["path"]).audio
            assert audio is not None
            made = voiceprint_of(audio, encoder, measure_quality(audio), policy)
            found[row["speaker"]].append(made)
    return {who: prints for who, prints in found.items() if len(prints) == CLIPS_EACH}
