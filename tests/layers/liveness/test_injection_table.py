"""The table of docs/injection.md, on a made scene: each injected form is told by its own cue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from layers.capture.types import Image, MediaKind
from layers.liveness.injection_attacks import (
    enlarged,
    frozen,
    looped,
    page_times,
    resampled,
    without_noise,
)
from layers.liveness.injection_footage import Footage, capture_of, read_clip, source_of
from layers.liveness.injection_table import (
    Case,
    cases_of,
    clock_table,
    figures_table,
    main,
    rejected_table,
)
from tests.layers.capture.media_builders import write_video
from verdict.policy import load_policy

POLICY = load_policy()


def _scene(n: int) -> list[Image]:
    """A textured square that wanders over a noisy room."""
    chance = np.random.default_rng(0)
    room = chance.uniform(70, 110, (8, 10, 3)).repeat(16, 0).repeat(16, 1)
    face = chance.uniform(20, 240, (10, 10, 3)).repeat(5, 0).repeat(5, 1)
    at = np.array((35, 55)) + np.cumsum(chance.normal(0, 2.5, (n, 2)), axis=0)
    pictures = []
    for y, x in np.clip(at, 0, (77, 109)).astype(int):
        picture = room + chance.normal(0, 2.0, room.shape)
        picture[y : y + 50, x : x + 50] = face + chance.normal(0, 2.0, face.shape)
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    return pictures


def _footage(seconds: float = 5.0, fps: float = 20.0) -> Footage:
    n = round(seconds * fps)
    return Footage(_scene(n), np.arange(n) / fps)


@pytest.fixture(scope="module")
def cases() -> Sequence[Case]:
    footage = _footage()
    real = capture_of(footage.pictures, footage.t_s, source_of(footage.pictures, MediaKind.VIDEO))
    return list(cases_of("scene", footage, real, POLICY))


def test_honest_forms_pass(cases: Sequence[Case]) -> None:
    for case in cases:
        if not case.injected:
            assert case.result.passed, (case.name, case.result.reason)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("label of a virtual camera", "calls itself OBS Virtual Camera"),
        ("clock off by 3600 s", "clock are 3600 s apart"),
        ("link open for 2.5 s less than the capture", "longer than its link"),
        ("receipts, 0.5 server seconds for one of the client's", "before they were taken"),
        ("15 shown as 30, blended: video", "mean of their neighbours"),
        ("frozen for 2 s: 8 fps burst", "stood still"),
        ("2 s looped: video", "shown before"),
    ],
)
def test_injected_forms_are_told(cases: Sequence[Case], form: str, said: str) -> None:
    (case,) = [case for case in cases if case.name == form]
    assert case.injected
    assert said in case.result.reason


def test_the_tables_have_a_line_for_every_form(cases: Sequence[Case]) -> None:
    table = rejected_table(cases)
    assert all(case.name in table for case in cases)
    assert "camera_label_concern 1" in table
    assert "| temporal_noise | video as recorded | 1 |" in figures_table(cases)


def test_without_pictures_only_what_is_beside_them_is_made_up(cases: Sequence[Case]) -> None:
    footage = _footage(2.0, 15.0)
    source = source_of(footage.pictures, MediaKind.VIDEO)
    capture = capture_of(footage.pictures, footage.t_s, source)
    few = {case.name for case in cases_of("few", None, capture, POLICY)}
    assert few < {case.name for case in cases}
    assert "label of a virtual camera" in few
    assert "2 s looped: video" not in few


def test_the_command_reads_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(tmp_path / "a.mp4", _scene(40), fps=20)
    lines = ["path,split,label", "videos/a.mp4,dev,bonafide", "videos/b.mp4,test,bonafide"]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "videos").mkdir()
    (tmp_path / "a.mp4").rename(tmp_path / "videos" / "a.mp4")
    footage, recorded = read_clip(tmp_path / "videos" / "a.mp4", 1.0, 96)
    assert (len(recorded.track), len(footage.pictures)) == (40, 21)
    assert footage.pictures[0].shape == (96, 96, 3)
    assert recorded.sensor is not None
    main(["--data", str(tmp_path), "--split", "dev", "--injected-every", "0", "--sessions", "20"])
    shown = capsys.readouterr().out
    assert "| video as recorded | 0 | 1 |" in shown
    assert "page's timer, 8 fps" in shown
    assert "looped" not in shown


def test_what_a_renderer_leaves() -> None:
    footage = _footage(1.0, 30.0)
    smooth = without_noise(footage)
    source = source_of(footage.pictures, MediaKind.VIDEO)
    noisy, clean = (capture_of(one.pictures, one.t_s, source).sensor for one in (footage, smooth))
    assert noisy is not None
    assert clean is not None
    assert clean.noise < 0.5 < noisy.noise
    small = enlarged(footage.pictures[0])
    assert small.shape == footage.pictures[0].shape


def test_repeats_and_blends_keep_their_cadence() -> None:
    footage = _footage(2.0, 30.0)
    repeated = resampled(footage, 25.0, 30.0, blend=False)
    same = [
        bool((one == before).all())
        for before, one in zip(repeated.pictures, repeated.pictures[1:], strict=False)
    ]
    assert np.diff(np.flatnonzero(same)).tolist() == [6] * (sum(same) - 1)
    blended = resampled(footage, 15.0, 30.0, blend=True).pictures
    mean = (blended[0].astype(np.float32) + blended[2]) / 2
    assert np.abs(blended[1] - mean).max() <= 1.0
    still = frozen(footage, 0.5, 1.0)
    assert (still.pictures[15] == still.pictures[44]).all()
    twice = looped(footage, 1.0)
    assert len(twice.pictures) == 60


def test_a_pages_timer_is_late_and_misses_some() -> None:
    t_s = page_times(100.0, 8.0, 0.1, np.random.default_rng(1))
    gaps_ms = 1000 * np.diff(t_s)
    assert np.median(gaps_ms) == pytest.approx(125.0, abs=0.2)
    assert 700 < len(t_s) < 799
    assert gaps_ms.min() < 120
    assert gaps_ms.max() > 200


def test_no_honest_clock_is_rejected() -> None:
    lines = [
        line for line in clock_table(POLICY, sessions=100).splitlines() if "page's timer" in line
    ]
    assert len(lines) == 6
    assert all("| 0 | 100 |" in line for line in lines)
