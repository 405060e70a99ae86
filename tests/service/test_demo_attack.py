"""The demo attack: what is written is what a capture must be, and it moves as it should."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from layers.capture.description import parse_description
from layers.voice.challenge import word_list
from service.demo.attack import make_attack
from service.demo.portrait import SIZE, Pose, load_portrait, pose_portrait
from service.demo.speech import FIXTURES, SpeechError, speak_words


def test_every_word_of_the_list_and_every_digit_can_be_said() -> None:
    spoken = json.loads((FIXTURES / "words.json").read_text())["words"]
    digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    assert set(spoken) == {*word_list("en"), *digits}


def test_words_are_joined_with_pauses() -> None:
    places = json.loads((FIXTURES / "words.json").read_text())["words"]
    said = speak_words("Cherry balloon")
    lengths = [end - start for start, end in (places["cherry"], places["balloon"])]
    assert len(said) == sum(lengths) + 2 * round(0.16 * 16_000) + 2 * round(0.25 * 16_000)
    assert 0.4 < np.abs(said).max() <= 1.0
    assert not said[: round(0.25 * 16_000)].any()


def test_a_word_without_a_recording_is_named() -> None:
    with pytest.raises(SpeechError, match="xylograph"):
        speak_words("cherry xylograph")


def test_the_portrait_stays_itself_in_a_neutral_pose() -> None:
    portrait = load_portrait()
    assert portrait.shape == (SIZE[1], SIZE[0], 3)
    still = pose_portrait(portrait, Pose(), np.random.default_rng(0))
    # Only the camera's noise of two grey levels is between them.
    assert np.std(still.astype(float) - portrait) == pytest.approx(2.0, rel=0.1)


def test_a_pose_moves_what_it_names_and_nothing_else() -> None:
    portrait, noise = load_portrait(), np.random.default_rng(0)
    eyes, mouth, corner = np.s_[180:215, 240:405], np.s_[290:340, 270:365], np.s_[400:, :60]

    def changed(pose: Pose, part: tuple[slice, slice]) -> float:
        posed = pose_portrait(portrait, pose, noise).astype(float)
        return float(np.abs(posed - portrait)[part].mean())

    assert changed(Pose(closed=1.0), eyes) > 10 > 3 > changed(Pose(closed=1.0), mouth)
    assert changed(Pose(open_mouth=1.0), mouth) > 10 > 3 > changed(Pose(open_mouth=1.0), eyes)
    assert changed(Pose(closed=1.0, open_mouth=1.0), corner) < 3
    assert changed(Pose(turn_deg=30.0), eyes) > 10


def test_the_capture_fits_its_challenge(tmp_path: Path) -> None:
    steps = ["neutral", "speak", "blink"]
    attack = make_attack("cherry", steps, tmp_path / "attack")
    described = parse_description((attack.folder / "capture.json").read_text())
    assert described == parse_description(attack.description)
    assert [str(prompt.step) for prompt in described.prompts] == steps
    assert [frame.file for frame in described.frames] == [path.name for path in attack.frames]
    times = [frame.t_s for frame in described.frames]
    assert times == sorted(times)
    assert np.diff(times) == pytest.approx(0.1, abs=0.11)
    assert described.audio is not None
    assert described.audio.start_s == described.prompts[1].t_s
    assert all(cv2.imread(str(path)).shape == (480, 640, 3) for path in attack.frames[:2])


def test_the_same_challenge_gives_the_same_pictures(tmp_path: Path) -> None:
    first = make_attack("cherry", ["neutral"], tmp_path / "a")
    second = make_attack("cherry", ["neutral"], tmp_path / "b")
    assert [path.read_bytes() for path in first.frames] == [
        path.read_bytes() for path in second.frames
    ]
