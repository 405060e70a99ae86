"""The vision layer's findings for the page: what decided with pictures, the rest shortly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from layers.capture.types import Capture
from layers.vision.pictures import Picture, Swatch, picture_of, pictures_of_sources
from service.report import curves
from service.report.meanings import SIGNALS, Meaning, of_source
from service.report.panels import Figure, draw_panel
from verdict.evidence import RiskSource, SignalCode, SignalResult
from verdict.measurement import Measurement

Wire = Mapping[str, Any]
_NOT_KEPT = "None of the frames that it rests on was kept: there is no picture of it."
_CROWDED = 5


@dataclass(frozen=True, slots=True)
class Shown:
    """The pictures of one finding, ready for the page."""

    sentence: str = ""
    figures: Sequence[Figure] = ()
    swatches: Sequence[Swatch] = ()
    curve: Markup | str = ""
    missing: str = ""

    @property
    def lead(self) -> Sequence[Figure]:
        """The overview, where the other panels are parts of it: they go beside it."""
        sizes = [figure.size for figure in self.figures]
        is_overview = sizes[:1] == ["large"] and len(sizes) > 1 and "large" not in sizes[1:]
        return self.figures[:1] if is_overview else ()

    @property
    def rest(self) -> Sequence[Figure]:
        """The panels after the overview."""
        return self.figures[len(self.lead) :]

    @property
    def columns(self) -> int:
        """How many panels stand beside one another after the overview: seen above detail."""
        return max(2, -(-len(self.rest) // 2))

    @property
    def has_heat(self) -> bool:
        """Whether a scale of heat belongs beneath."""
        return any(figure.has_heat for figure in self.figures)

    @property
    def crowded(self) -> bool:
        """Whether there are so many panels that each has to be small."""
        return len(self.figures) > _CROWDED


@dataclass(frozen=True, slots=True)
class Finding:
    """One signal or source of risk: what it is, what was measured, what it rests on."""

    name: str
    meaning: Meaning
    wire: Wire
    shown: Shown

    @property
    def main(self) -> Wire | None:
        """The measurement that is compared with the threshold."""
        measurements: Sequence[Wire] = self.wire["measurements"]
        return measurements[0] if measurements else None


@dataclass(frozen=True, slots=True)
class Findings:
    """All of the vision layer.

    Parameters
    ----------
    heat
        Where the blending network looked; None without frames or with another network.
    """

    fired: Sequence[Finding] = ()
    quiet: Sequence[Finding] = ()
    not_measured: Sequence[Finding] = ()
    sources: Sequence[Finding] = ()
    heat: Finding | None = None


def findings(evidence: Wire, capture: Capture | None) -> Findings:
    """Sort the findings of the stored evidence and draw what decided.

    Parameters
    ----------
    capture
        None when the recording is not kept any more: there are no pictures then.
    """
    vision = evidence["vision"]
    if not vision:
        return Findings()
    signals: Mapping[str, Wire] = vision["signals"]
    made = _of_sources(vision, evidence["models"], capture)
    sources = [
        Finding(one["name"], of_source(one["name"]), one, _drawn(capture, made.get(one["name"])))
        for one in vision["sources"]
    ]
    named = {one.name for one in sources}
    own = [picture for name, picture in made.items() if name not in named]
    return Findings(
        fired=[
            Finding(code, SIGNALS[SignalCode(code)], wire, _of_signal(code, wire, capture))
            for code, wire in signals.items()
            if wire["fired"]
        ],
        quiet=[_plain(code, wire) for code, wire in signals.items() if _is_quiet(wire)],
        not_measured=[
            _plain(code, wire)
            for code, wire in signals.items()
            if wire["p_attack"] is None and not wire["fired"]
        ],
        sources=sources,
        heat=next(
            (
                Finding(one.name, of_source(one.name), {"measurements": ()}, _drawn(capture, one))
                for one in own
            ),
            None,
        ),
    )


def _is_quiet(wire: Wire) -> bool:
    return not wire["fired"] and wire["p_attack"] is not None


def _plain(code: str, wire: Wire) -> Finding:
    return Finding(code, SIGNALS[SignalCode(code)], wire, Shown())


def _of_signal(code: str, wire: Wire, capture: Capture | None) -> Shown:
    if capture is None:
        return Shown()
    signal = SignalResult(
        code=SignalCode(code),
        fired=wire["fired"],
        p_attack=wire["p_attack"],
        measurements=_measurements(wire),
        frames=tuple(row for row in wire["frames"] if row < len(capture.track)),
        region=wire["region"],
        reason=wire["reason"],
    )
    picture = picture_of(capture, signal)
    return Shown(missing=_NOT_KEPT) if picture is None else _drawn(capture, picture)


def _of_sources(
    vision: Wire, models: Mapping[str, str], capture: Capture | None
) -> Mapping[str, Picture]:
    if capture is None:
        return {}
    sources = tuple(
        RiskSource(one["name"], one["p_attack"], _measurements(one)) for one in vision["sources"]
    )
    return pictures_of_sources(capture, sources, models)


def _measurements(wire: Wire) -> tuple[Measurement, ...]:
    return tuple(
        Measurement(one["name"], one["value"], one["threshold"], tuple(one["frames"]), one["note"])
        for one in wire["measurements"]
    )


def _drawn(capture: Capture | None, picture: Picture | None) -> Shown:
    if capture is None or picture is None:
        return Shown()
    drawn = [draw_panel(capture, panel) for panel in picture.panels]
    curve = "" if picture.curve is None else curves.of_finding(capture, picture.curve)
    return Shown(
        sentence=picture.sentence,
        figures=[figure for figure in drawn if figure is not None],
        swatches=picture.swatches,
        curve=Markup(curve),  # noqa: S704 - the diagram escapes what it writes # nosec B704
        missing="" if picture.panels else _NOT_KEPT,
    )
