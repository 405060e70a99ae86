"""A deployment's own policy reaches the quality findings, on every way in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from layers.capture.load import load_audio_only, load_frames, load_image, load_media, load_video
from layers.capture.types import Capture
from layers.runner import MediaRequest
from layers.runner.tasks import decode
from tests.layers.capture.media_builders import (
    portrait,
    tone_of,
    write_capture,
    write_video,
    write_wav,
)
from verdict.policy import Policy, load_policy

_SIZE = ("capture.face.size_px.note", "capture.face.size_px.refuse")


def _overlaid(folder: Path, value: float, *names: str) -> Policy:
    path = folder / "own.toml"
    entries = [
        f'[{name}]\nvalue = {value}\nunit = "px"\nsource = "measured"\n'
        'basis = "a test"\ndate = 2026-11-21\n'
        for name in names
    ]
    path.write_text('version = "own"\n' + "".join(entries))
    return load_policy(path)


def _codes(capture: Capture) -> set[str]:
    return {finding.code for finding in capture.findings if finding.refuses}


@pytest.fixture
def strict(tmp_path: Path) -> Policy:
    return _overlaid(tmp_path, 5000.0, *_SIZE)


def test_frames_videos_and_pictures(tmp_path: Path, strict: Policy) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    write_capture(frames, [portrait()] * 2)
    video = write_video(tmp_path / "a.mp4", [portrait()] * 3)
    picture = tmp_path / "a.png"
    Pil.fromarray(portrait()).save(picture)
    lenient = _overlaid(tmp_path, 0.0, *_SIZE)
    for path, load in ((frames, load_frames), (video, load_video), (picture, load_image)):
        assert _codes(load(path, policy=strict)) == {"FACE_TOO_SMALL"}, path
        assert _codes(load(path, policy=lenient)) == set(), path
        assert _codes(load_media(path, policy=strict)) == {"FACE_TOO_SMALL"}, path


def test_sound(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "a.wav", tone_of(2.0, 16_000), 16_000, "s16")
    impatient = _overlaid(tmp_path, 60.0, "capture.audio.shortest_s")
    assert [one.code for one in load_audio_only(sound, policy=impatient).findings] == [
        "AUDIO_TOO_SHORT"
    ]
    assert load_audio_only(sound).findings == ()


def test_the_request_of_a_child_carries_it(tmp_path: Path, strict: Policy) -> None:
    video = write_video(tmp_path / "a.mp4", [portrait()] * 3)
    assert _codes(decode(MediaRequest(video=video, policy=strict))) == {"FACE_TOO_SMALL"}
    assert _codes(decode(MediaRequest(video=video))) == set()


def test_sensor_figures_come_with_a_burst_and_not_with_a_picture(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    clean = portrait().astype(np.float32)
    noisy = [
        np.clip(clean + chance.normal(0, 3, clean.shape), 0, 255).astype(np.uint8)
        for _ in range(14)
    ]
    capture = load_video(write_video(tmp_path / "a.mp4", noisy))
    assert capture.sensor is not None
    assert capture.without_images().sensor == capture.sensor
    picture = tmp_path / "a.png"
    Pil.fromarray(portrait()).save(picture)
    assert load_image(picture).sensor is None
