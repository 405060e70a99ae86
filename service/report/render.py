"""Put the page together, from what is stored: wire objects, and the media while they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from layers.capture.types import Capture
from service.report import curves, speech
from service.report.findings import findings
from service.report.pictures import StripFrame, frame_strip
from verdict.rules import RULES

Wire = Mapping[str, Any]
STRIP_FRAMES = 12


@dataclass(frozen=True, slots=True)
class Media:
    """What the page shows of the recording itself."""

    strip: Sequence[StripFrame]
    n_frames: int
    eyes: Markup
    head: Markup
    mouth: Markup
    sound: Markup
    speech_risk: Markup


def render_report(data: Wire, evidence: Wire, capture: Capture | None) -> str:
    """Return the report as one self-contained HTML page.

    Parameters
    ----------
    data, evidence
        ``deepfake_detection_data`` and ``deepfake_detection_evidence``, as stored.
    capture
        The decoded recording; None when it is not kept any more.
    """
    environment = Environment(
        loader=PackageLoader("service.report", "."),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    environment.filters["percent"] = _percent
    environment.filters["frames"] = _frames
    environment.filters["words"] = _words
    return environment.get_template("report.html").render(
        data=data,
        evidence=evidence,
        rules=[
            {"priority": place, "statement": rule.statement, "verdict": str(rule.verdict)}
            for place, rule in enumerate(RULES, start=1)
        ],
        findings=findings(evidence, capture),
        media=None if capture is None else _media(capture, evidence),
    )


def _media(capture: Capture, evidence: Wire) -> Media:
    has_frames = len(capture.track) > 0
    # The diagrams escape what they write themselves; everything else goes through autoescape.
    return Media(
        strip=frame_strip(capture, _marked_frames(evidence), STRIP_FRAMES),
        n_frames=len(capture.track),
        eyes=_svg(curves.eyes(capture, evidence) if has_frames else ""),
        head=_svg(curves.head(capture, evidence) if has_frames else ""),
        mouth=_svg(curves.mouth(capture) if has_frames else ""),
        sound=_svg(speech.sound(capture.audio, evidence)),
        speech_risk=_svg(speech.risk(capture.audio, evidence)),
    )


def _svg(drawn: str) -> Markup:
    return Markup(drawn)  # noqa: S704  # nosec B704


def _signals(evidence: Wire) -> Mapping[str, Any]:
    vision = evidence["vision"]
    signals: Mapping[str, Any] = vision["signals"] if vision else {}
    return signals


def _marked_frames(evidence: Wire) -> dict[int, list[str]]:
    """Return which failed checks and fired signals rest on which frame."""
    liveness = evidence["liveness"]
    checks = liveness["checks"] if liveness else {}
    found = {name: check["frames"] for name, check in checks.items() if not check["passed"]}
    signals = _signals(evidence)
    found |= {code: signal["frames"] for code, signal in signals.items() if signal["fired"]}
    marks: dict[int, list[str]] = {}
    for name, frames in found.items():
        for index in frames:
            marks.setdefault(int(index), []).append(name)
    return marks


def _words(name: str) -> str:
    """Return the name of a measurement as a reader would say it."""
    return name.replace("_", " ").capitalize()


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value + 0.0:.4g}"  # -0 is 0


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}"


def _frames(indices: Sequence[int]) -> str:
    """Write frame numbers shortly: 3-7, 12."""
    runs: list[list[int]] = []
    for index in sorted(indices):
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = index
        else:
            runs.append([index, index])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
