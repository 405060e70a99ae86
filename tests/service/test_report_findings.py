"""Fired signals with pictures and words, the others in tables, all of it escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from layers.capture.types import Capture
from layers.vision.pictures import Box, Derived, Outline, Role, Shot
from service.report import render_report
from service.report.findings import Findings, findings
from service.report.meanings import SIGNALS, of_source
from service.report.panels import draw_panel
from tests import builders
from tests.layers.vision.picture_builders import FIRING, firing
from tests.layers.vision.vision_builders import astronaut, still
from verdict.engine import decide
from verdict.evidence import Evidence, RiskSource, SignalCode, SignalResult, VisionResult
from verdict.measurement import Measurement
from verdict.policy import load_policy
from verdict.wire import detection_data, detection_evidence

Wire = dict[str, Any]


def wire_of(*signals: SignalResult, sources: tuple[RiskSource, ...] = ()) -> tuple[Wire, Wire]:
    """The wire objects of a result with these signals; the other signals were not measured."""
    given = {signal.code for signal in signals}
    rest = (
        SignalResult(code, fired=False, p_attack=None, reason=f"nothing for {code} <i>")
        for code in SignalCode
        if code not in given
    )
    vision = VisionResult(-1.0, 0.8, 0.9, (*signals, *rest), sources=sources)
    return on_wire(builders.evidence(vision_result=vision))


def on_wire(evidence: Evidence) -> tuple[Wire, Wire]:
    decision = decide(evidence, load_policy())
    return detection_data(decision, datetime.now(UTC)), detection_evidence(decision)


def found(capture: Capture | None, *signals: SignalResult) -> Findings:
    return findings(wire_of(*signals)[1], capture)


@pytest.mark.parametrize("code", FIRING)
def test_the_page_shows_each_signal_that_fired(code: SignalCode) -> None:
    capture, signal = firing(code)
    (one,) = found(capture, signal).fired
    assert {"own", "ref"} <= {css for figure in one.shown.figures for css in _drawn(figure.svg)} | {
        "own" if swatch.role is Role.LOOKED_AT else "ref" for swatch in one.shown.swatches
    }
    page = render_report(*wire_of(signal), capture)
    meaning = SIGNALS[code]
    for text in (meaning.title, meaning.means, meaning.also, one.shown.sentence):
        assert _escaped(text) in page
    assert page.count('<svg class="panel"') == len(one.shown.figures) >= 1
    assert "http" not in page.replace("http-equiv", "")


def _drawn(svg: str) -> list[str]:
    return re.findall(r'class="line (own|ref)"', svg)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("'", "&#39;").replace("<", "&lt;")


def test_every_picture_has_words_for_those_who_cannot_see_it() -> None:
    capture, signal = firing(SignalCode.TEXTURE_SMOOTHING)
    page = _Page()
    page.feed(render_report(*wire_of(signal), capture))
    assert page.pictures > 5
    assert page.unnamed == []
    assert page.tables == page.tables_with_headers


class _Page(HTMLParser):
    """Counts pictures and tables, and notes those without a name or header."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures = self.tables = self.tables_with_headers = 0
        self.unnamed: list[str] = []
        self.header_seen = True

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag in ("img", "svg"):
            self.pictures += 1
            if not (named.get("alt") or named.get("aria-label")):
                self.unnamed.append(str(attrs))
        if tag == "table":
            self.tables += 1
            self.header_seen = False
        if tag == "th" and not self.header_seen:
            self.header_seen = True
            self.tables_with_headers += 1


def test_quiet_and_unmeasured_signals_are_in_their_tables() -> None:
    quiet = SignalResult(
        SignalCode.TEETH_RENDERING,
        fired=False,
        p_attack=0.25,
        measurements=(Measurement("teeth_deficit_<b>", 0.5, 1.15),),
        frames=(3, 4, 5),
    )
    sorted_out = found(None, quiet)
    assert [one.name for one in sorted_out.quiet] == ["TEETH_RENDERING"]
    assert len(sorted_out.not_measured) == 7
    page = render_report(*wire_of(quiet), None)
    for text in ("None of the eight signals fired", "3-5", "1.15", "Teeth deficit &lt;b&gt;"):
        assert text in page
    assert "nothing for FLAT_ROTATION &lt;i&gt;" in page
    assert "<svg" not in page


def test_texts_of_the_evidence_are_escaped_beside_pictures() -> None:
    capture, signal = firing(SignalCode.BLINK_FAILURE)
    hostile = replace(signal, reason="<script>1</script>", region='"><b>region')
    source = RiskSource("<b>source", 0.8, (Measurement("m<i>", 1.0, note="<u>"),))
    page = render_report(*wire_of(hostile, sources=(source,)), capture)
    for tag in ("<script", "<b>region", "<b>source", "m<i>", "<u>"):
        assert tag not in page
    assert "&lt;script&gt;1" in page


def test_captions_are_escaped_in_the_drawing() -> None:
    shot = Shot(0, Box(10, 10, 60, 60), 'a "b" <c>', role=Role.LOOKED_AT)
    figure = draw_panel(still(astronaut()), shot)
    assert figure is not None
    assert 'aria-label="a &quot;b&quot; &lt;c&gt; (looked at)"' in figure.svg


def test_a_frame_that_was_not_kept_has_no_picture_and_the_page_says_so() -> None:
    capture, signal = firing(SignalCode.TEXTURE_SMOOTHING)
    (one,) = found(capture.without_images(), signal).fired
    assert not one.shown.figures
    assert "was kept" in one.shown.missing
    assert one.shown.missing in render_report(*wire_of(signal), capture.without_images())
    assert draw_panel(capture.without_images(), Shot(0, Box(0, 0, 9, 9), "gone")) is None
    (stale,) = found(capture, replace(signal, frames=(90, 91))).fired
    assert not stale.shown.figures


def test_lines_lie_on_the_panel_where_they_lie_on_the_frame() -> None:
    square = np.array([(30, 40), (50, 40), (50, 60), (30, 60)], np.float32)
    shot = Shot(0, Box(20, 30, 68, 78), "square", (Outline(square, Role.LOOKED_AT),))
    figure = draw_panel(still(astronaut()), shot)
    assert figure is not None
    assert 'viewBox="0 0 480 480"' in figure.svg  # 48 px drawn ten times as large
    assert "M100.0 100.0L300.0 100.0L300.0 300.0L100.0 300.0Z" in figure.svg


def test_small_patches_are_shown_pixel_by_pixel_and_without_loss() -> None:
    patch = np.zeros((21, 21, 3), np.uint8)
    figure = draw_panel(still(astronaut()), Derived(0, patch, "patch", role=Role.REFERENCE))
    assert figure is not None
    assert 'class="exact" href="data:image/png' in figure.svg
    assert figure.size == "small"


def test_heat_is_stretched_over_its_box() -> None:
    heat = np.full((4, 4), 0.5, np.float32)
    box = Box(20, 30, 68, 78)
    shot = Shot(0, box, "heat", heat=heat, heat_box=Box(8, 30, 80, 78))
    figure = draw_panel(still(astronaut()), shot)
    assert figure is not None
    assert figure.has_heat
    assert 'x="-120.0" y="0.0" width="720.0" height="480.0"' in figure.svg


def test_every_signal_and_source_has_its_two_sentences() -> None:
    assert set(SIGNALS) == set(SignalCode)
    assert of_source("FLAT_ROTATION") is SIGNALS[SignalCode.FLAT_ROTATION]
    assert of_source("learned_risk_animated").also
    assert of_source("something_new").title == "Something new"
