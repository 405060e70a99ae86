"""Curves over time as inline SVG: no script, no outside file, colours from the page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Range = tuple[float, float]

WIDTH, HEIGHT = 1000, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 54, 22, 24


@dataclass(frozen=True, slots=True)
class Series:
    """One curve; NaN leaves a gap. `css` names its colour, `right` puts it on the right axis."""

    name: str
    t_s: Floats
    values: Floats
    css: str
    right: bool = False
    stepped: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time with a name (a step of the challenge, a stretch of speech)."""

    start_s: float
    end_s: float
    label: str
    css: str


@dataclass(frozen=True, slots=True)
class Level:
    """A threshold on the left axis; `css` names its colour, `at_start` puts the label left."""

    value: float
    label: str
    css: str = ""
    at_start: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """What one diagram shows.

    Parameters
    ----------
    marks
        (t_s, value) of the moments that a check rests on.
    at_least
        What the left axis covers even where no value goes.
    backdrop
        Address of a picture behind the curves.
    over
        Stretches of time that are drawn over the backdrop, not behind it.
    legend
        Further (name, css) entries.
    """

    title: str
    unit: str
    series: Sequence[Series]
    t_range: Range
    bands: Sequence[Band] = ()
    levels: Sequence[Level] = ()
    marks: Sequence[tuple[float, float]] = ()
    right_unit: str = ""
    backdrop: str = ""
    over: Sequence[Band] = ()
    at_least: tuple[float, ...] = ()
    legend: Sequence[tuple[str, str]] = ()


def draw(plot: Plot) -> str:
    """Return the diagram as an SVG element."""
    left = _range(
        [one.values for one in plot.series if not one.right],
        (*(one.value for one in plot.levels), *plot.at_least),
    )
    right = _range([one.values for one in plot.series if one.right], ())
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(plot.title)}">',
        *(_band(band, plot.t_range) for band in plot.bands),
        _backdrop(plot.backdrop),
        *(_band(band, plot.t_range) for band in plot.over),
        *_time_axis(plot.t_range),
        *_value_axis(left, plot.unit, _LEFT - 6, "end"),
    ]
    if plot.right_unit:
        parts += _value_axis(right, plot.right_unit, WIDTH - _RIGHT + 6, "start")
    parts += [_level(level, left) for level in plot.levels]
    parts += [_curve(one, plot.t_range, right if one.right else left) for one in plot.series]
    parts += [
        f'<circle class="mark" cx="{_x(t_s, plot.t_range):.1f}" cy="{_y(value, left):.1f}" r="4"/>'
        for t_s, value in plot.marks
        if math.isfinite(value)
    ]
    return "".join((*parts, *_legend(plot), "</svg>"))


def _x(t_s: float, t_range: Range) -> float:
    span = max(t_range[1] - t_range[0], 1e-9)
    return _LEFT + (t_s - t_range[0]) / span * (WIDTH - _LEFT - _RIGHT)


def _y(value: float, y_range: Range) -> float:
    share = (value - y_range[0]) / max(y_range[1] - y_range[0], 1e-9)
    return HEIGHT - _BOTTOM - min(1.0, max(0.0, share)) * (HEIGHT - _TOP - _BOTTOM)


def _range(curves: Sequence[Floats], levels: Sequence[float]) -> Range:
    values = np.concatenate([*curves, np.asarray(levels, dtype=np.float64)])
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        return low - 0.5, high + 0.5
    return low, high


def _curve(series: Series, t_range: Range, y_range: Range) -> str:
    """Return one path; it is lifted where a value is missing."""
    path: list[str] = []
    pen_down = False
    for t_s, value in zip(series.t_s, series.values, strict=True):
        if not math.isfinite(value):
            pen_down = False
            continue
        x, y = _x(float(t_s), t_range), _y(float(value), y_range)
        path.append((f"H{x:.1f}V{y:.1f}" if series.stepped else f"L{x:.1f} {y:.1f}") if pen_down
                    else f"M{x:.1f} {y:.1f}")  # fmt: skip
        pen_down = True
    return f'<path class="curve {series.css}" d="{"".join(path)}"/>'


def _band(band: Band, t_range: Range) -> str:
    x, end = _x(band.start_s, t_range), _x(band.end_s, t_range)
    width = max(end - x, 1.0)
    inner = HEIGHT - _TOP - _BOTTOM
    label = f'<text class="step" x="{x + 4:.1f}" y="{_TOP + 12}">{escape(band.label)}</text>'
    return (
        f'<rect class="{band.css}" x="{x:.1f}" y="{_TOP}" width="{width:.1f}" height="{inner}">'
        f"<title>{escape(band.label)}</title></rect>{label if band.label else ''}"
    )


def _backdrop(uri: str) -> str:
    if not uri:
        return ""
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    return (
        f'<image href="{uri}" x="{_LEFT}" y="{_TOP}" width="{width}" height="{height}" '
        'preserveAspectRatio="none"/>'
    )


def _time_axis(t_range: Range) -> list[str]:
    base = HEIGHT - _BOTTOM
    parts = [f'<path class="axis" d="M{_LEFT} {base}H{WIDTH - _RIGHT}"/>']
    for tick in _ticks(t_range, 10):
        x = _x(tick, t_range)
        parts.append(f'<path class="axis" d="M{x:.1f} {base}v4"/>')
        parts.append(f'<text x="{x:.1f}" y="{base + 16}" text-anchor="middle">{tick:g} s</text>')
    return parts


def _value_axis(y_range: Range, unit: str, x: float, anchor: str) -> list[str]:
    parts = [
        f'<text class="unit" x="{x}" y="{_TOP - 8}" text-anchor="{anchor}">{escape(unit)}</text>'
    ]
    for tick in _ticks(y_range, 4):
        y = _y(tick, y_range)
        if anchor == "end":
            parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{x}" y="{y + 4:.1f}" text-anchor="{anchor}">{tick:g}</text>')
    return parts


def _level(level: Level, y_range: Range) -> str:
    y = _y(level.value, y_range)
    x, anchor = (_LEFT + 4, "start") if level.at_start else (WIDTH - _RIGHT - 4, "end")
    return (
        f'<path class="level {level.css}" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>'
        f'<text class="level {level.css}" x="{x}" y="{y - 4:.1f}" text-anchor="{anchor}">'
        f"{escape(level.label)}</text>"
    )


def _legend(plot: Plot) -> list[str]:
    entries = [(one.name, one.css) for one in plot.series] + list(plot.legend)
    parts, x = [], float(_LEFT + 60)
    for name, css in entries:
        parts.append(f'<path class="curve {css}" d="M{x:.0f} {_TOP - 12}h18"/>')
        parts.append(f'<text x="{x + 23:.0f}" y="{_TOP - 8}">{escape(name)}</text>')
        x += 40 + 6.6 * len(name)
    return parts


def _ticks(value_range: Range, about: int) -> list[float]:
    low, high = value_range
    rough = (high - low) / about
    scale = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(scale * nice for nice in (1, 2, 5, 10) if scale * nice >= rough)
    first = math.ceil(low / step)
    # Rounded to the step's own digits: 0.30000000000000004 is no label.
    digits = max(0, -math.floor(math.log10(step)))
    return [round(i * step, digits) for i in range(first, math.floor(high / step) + 1)]
