"""Curves: where a value lands on the paper, gaps, ticks, escaping."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from layers.capture.types import SAMPLE_RATE_HZ, Audio
from service.report.plots import HEIGHT, WIDTH, Band, Level, Plot, Series, _ticks, draw
from service.report.spectrogram import spectrogram


def _plot(values: list[float], **changes: object) -> Plot:
    t_s = np.arange(len(values), dtype=np.float64)
    series = [Series("curve", t_s, np.asarray(values, dtype=np.float64), "a")]
    settings = {"title": "t", "unit": "u", "series": series, "t_range": (0.0, t_s[-1])}
    return Plot(**(settings | changes))  # type: ignore[arg-type]


def _points(svg: str) -> list[tuple[float, float]]:
    path = re.search(r'class="curve a" d="(M[^"]*)"', svg[svg.index("axis") :])
    assert path is not None
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path[1])]


def test_ends_of_the_curve_are_the_corners_of_the_paper() -> None:
    points = _points(draw(_plot([0.0, 5.0, 10.0])))
    assert points[0] == (54.0, HEIGHT - 24.0)
    assert points[1] == (WIDTH / 2, (HEIGHT - 24 + 22) / 2)
    assert points[2] == (WIDTH - 54.0, 22.0)


def test_a_curve_that_hardly_moves_looks_like_one() -> None:
    (_, first), (_, second) = _points(draw(_plot([0.0, 1.0], at_least=(-30.0, 30.0))))
    assert first - second == pytest.approx((HEIGHT - 46) / 60, abs=0.11)


def test_a_missing_value_lifts_the_pen() -> None:
    svg = draw(_plot([1.0, float("nan"), 2.0, 3.0]))
    path = re.findall(r'class="curve a" d="(M[^"]*)"', svg)[0]
    assert path.count("M") == 2


def test_nothing_measured_draws_an_empty_paper() -> None:
    svg = draw(_plot([float("nan"), float("nan")]))
    ElementTree.fromstring(svg)
    assert 'class="curve a" d=""' in svg


@pytest.mark.parametrize(
    ("value_range", "about", "ticks"),
    [
        ((0.0, 10.0), 5, [0, 2, 4, 6, 8, 10]),
        ((-0.31, 0.29), 4, [-0.2, 0.0, 0.2]),
        ((2.1, 4.6), 10, [2.5, 3.0, 3.5, 4.0, 4.5]),
    ],
)
def test_ticks_are_round(value_range: tuple[float, float], about: int, ticks: list[float]) -> None:
    assert _ticks(value_range, about) == ticks


def test_names_are_escaped_and_the_drawing_is_well_formed() -> None:
    svg = draw(
        _plot(
            [1.0, 2.0],
            title='<"t">',
            unit="<u>",
            bands=[Band(0.2, 0.4, "<b>", "band")],
            levels=[Level(1.5, "<l>")],
            marks=[(0.5, 1.5), (0.6, float("nan"))],
        )
    )
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] == '<"t">'
    assert svg.count("<circle") == 1
    assert "<b>" not in svg


def test_a_tone_lights_the_row_of_its_frequency() -> None:
    import base64

    import cv2

    t_s = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    tone = (0.5 * np.sin(2 * np.pi * 2000 * t_s)).astype(np.float32)
    audio = Audio(tone, (), np.zeros(0, dtype=np.float32), 0.01)
    uri = spectrogram(audio)
    coded = np.frombuffer(base64.b64decode(uri.partition(",")[2]), dtype=np.uint8)
    picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert picture is not None
    brightest = int(picture.sum(axis=(1, 2)).argmax())
    assert brightest / len(picture) == pytest.approx(1 - 2000 / 8000, abs=0.02)


def test_too_little_sound_has_no_spectrogram() -> None:
    audio = Audio(np.zeros(100, dtype=np.float32), (), np.zeros(1, dtype=np.float32), 0.01)
    assert spectrogram(audio) == ""
