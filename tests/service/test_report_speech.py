"""The sound in the report: windows at their time and risk, the threshold, what decided."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from layers.capture.types import SAMPLE_RATE_HZ, Audio
from service.report.plots import HEIGHT, WIDTH
from service.report.speech import risk, sound

_LEFT, _RIGHT, _TOP, _BOTTOM = 54.0, WIDTH - 54.0, 22.0, HEIGHT - 24.0


def _audio(offset_s: float = 0.0) -> Audio:
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * SAMPLE_RATE_HZ).astype(np.float32)
    return Audio(noise, ((1.0, 3.0),), np.zeros(400, np.float32), 0.01, offset_s)


def _evidence(*windows: dict[str, Any], p_attack: float = 0.7) -> dict[str, Any]:
    return {
        "voice": {"p_attack": p_attack, "windows": list(windows)},
        "policy": {"thresholds": {"voice": 60.0}},
    }


def _window(start_s: float, end_s: float, p_attack: float, *, decided: bool) -> dict[str, Any]:
    times = {"start_s": start_s, "end_s": end_s}
    return times | {"score": 0.0, "p_attack": p_attack, "decided": decided}


def _lines(svg: str, css: str) -> list[tuple[float, float, float]]:
    """Return start, end and height of the horizontal lines of the curve called `css`."""
    drawn = re.findall(rf'class="curve {css}" d="([^"]*)"', svg)
    path = max(drawn, key=len)
    found = re.findall(r"M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)", path)
    assert all(y0 == y1 for _, y0, _, y1 in found)
    return [(float(x0), float(x1), float(y)) for x0, y, x1, _ in found]


def _x(t_s: float) -> float:
    return _LEFT + t_s / 4 * (_RIGHT - _LEFT)


def _y(percent: float) -> float:
    return _BOTTOM - percent / 100 * (_BOTTOM - _TOP)


def test_every_window_is_a_line_at_its_time_and_risk() -> None:
    svg = risk(
        _audio(),
        _evidence(_window(0, 2, 0.25, decided=False), _window(2, 4, 0.9, decided=True)),
    )
    ElementTree.fromstring(svg)
    assert _lines(svg, "a") == [pytest.approx((_x(0), _x(2), _y(25)), abs=0.06)]
    assert _lines(svg, "decided") == [pytest.approx((_x(2), _x(4), _y(90)), abs=0.06)]


def test_the_threshold_and_the_whole_clip_are_lines_across() -> None:
    svg = risk(_audio(), _evidence(_window(0, 4, 0.7, decided=True)))
    levels = re.findall(r'class="level (\w*)" d="M54 ([\d.]+)H', svg)
    assert [css for css, _ in levels] == ["limit", ""]
    assert [float(y) for _, y in levels] == pytest.approx([_y(60), _y(70)], abs=0.06)
    assert "rejected above 60" in svg


def test_windows_follow_the_start_of_the_sound() -> None:
    windows = _evidence(_window(1, 2, 0.5, decided=False))
    assert _lines(risk(_audio(), windows), "a") == _lines(risk(_audio(0.7), windows), "a")
    assert "0.7 s" not in risk(_audio(), windows)


def test_what_decided_is_marked_over_the_spectrogram() -> None:
    decided, quiet = _window(1, 3, 0.9, decided=True), _window(0, 2, 0.1, decided=False)
    svg = sound(_audio(), _evidence(quiet, decided))
    (mark,) = re.findall(r'class="over-decided" x="([\d.]+)" y="22" width="([\d.]+)"', svg)
    assert (float(mark[0]), float(mark[1])) == pytest.approx((_x(1), _x(2) - _x(0)), abs=0.11)
    assert svg.index("<image") < svg.index("over-decided")
    assert "over-decided" not in sound(_audio(), _evidence(quiet))


def test_a_stored_result_without_risks_has_no_such_diagram() -> None:
    old = {"start_s": 0.0, "end_s": 1.0, "score": -1.0}
    assert risk(_audio(), _evidence(old)) == ""
    assert "<svg" in sound(_audio(), _evidence(old))


def test_without_sound_there_is_nothing_to_draw() -> None:
    assert sound(None, _evidence()) == risk(None, _evidence()) == ""
    layer_did_not_run = {"voice": None, "policy": {"thresholds": {"voice": 60.0}}}
    assert risk(_audio(), layer_did_not_run) == ""
