"""Tables of the controlled attacks: detection by strength, false alarms, cross-talk, real fakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from verdict.error_rates import Rate
from verdict.evidence import SignalCode

NAME_WIDTH = 30


class Named(Protocol):
    """What a table needs to know of an attack."""

    @property
    def name(self) -> str:
        """Name of the artefact."""
        ...

    @property
    def target(self) -> SignalCode:
        """Signal that should find it."""
        ...

    @property
    def unit(self) -> str:
        """What strength 1 is."""
        ...

    @property
    def strengths(self) -> tuple[float, ...]:
        """Strengths tried."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """What the signals said of one capture.

    Parameters
    ----------
    values
        Strength of every signal that could be measured.
    """

    name: str
    label: str
    is_video: bool
    kind: str
    strength: float
    values: Mapping[SignalCode, float | None]
    fired: frozenset[SignalCode]

    def as_json(self) -> dict[str, object]:
        """The row as one JSON object."""
        return {
            "name": self.name,
            "label": self.label,
            "kind": self.kind,
            "strength": self.strength,
            "values": {code.value: value for code, value in self.values.items()},
            "fired": sorted(code.value for code in self.fired),
        }


def print_tables(rows: Sequence[Row], attacks: Sequence[Named]) -> Iterator[str]:
    """All tables, line by line."""
    yield from detection(rows, attacks)
    yield from false_alarms(rows)
    yield from cross_talk(rows, attacks)
    yield from real_fakes(rows)


def detection(rows: Sequence[Row], attacks: Sequence[Named]) -> Iterator[str]:
    """Each attack by strength: how often its own signal fires where it can be measured."""
    yield "Detection: own signal fired of measured (95 % interval); strength 0 is the twin"
    for attack in attacks:
        yield f"{attack.name} ({attack.target}; strength 1: {attack.unit})"
        for strength in (0.0, *attack.strengths):
            kind = f"twin of {attack.name}" if not strength else attack.name
            own = [r for r in rows if r.kind == kind and r.strength == strength]
            parts = [
                f"{what} {rate_of(some, attack.target)}, measured on {len(some)} tried"
                if len(some)
                else ""
                for what, some in _clips_and_photos(own)
            ]
            yield f"  {strength:4.2f}  " + "; ".join(part for part in parts if part)


def false_alarms(rows: Sequence[Row]) -> Iterator[str]:
    """How often each signal fires on untouched bona fide recordings."""
    yield "False alarms on untouched bona fide recordings: fired of measured, and of all"
    untouched = [r for r in rows if r.kind == "untouched" and r.label == "bonafide"]
    for code in SignalCode:
        parts = [
            f"{what} {rate_of(some, code)}, of all {_fired(some, code)} of {len(some)}"
            for what, some in _clips_and_photos(untouched)
            if some
        ]
        yield f"  {code.value:22}" + "; ".join(parts)
    some = [r for r in untouched if r.is_video]
    yield f"  any signal, clips     {rate(Rate(sum(bool(r.fired) for r in some), len(some)))}"


def cross_talk(rows: Sequence[Row], attacks: Sequence[Named]) -> Iterator[str]:
    """Which signals an attack at full strength sets off, over those its twin does (clips)."""
    yield "Cross-talk on clips at full strength: fired under attack, less fired on the twin, of n"
    codes = list(SignalCode)
    yield f"  {'':{NAME_WIDTH}}" + "".join(f"{code.value[:8]:>10}" for code in codes) + "     n"
    for attack in attacks:
        own = [r for r in rows if r.kind == attack.name and r.is_video]
        own = [r for r in own if r.strength == max(attack.strengths)]
        twins = {r.name: r for r in rows if r.kind == f"twin of {attack.name}"}
        cells = []
        for code in codes:
            more = sum((code in r.fired) - (code in twins[r.name].fired) for r in own)
            cells.append(f"{more:+10d}" if more else f"{'.':>10}")
        yield f"  {attack.name:{NAME_WIDTH}}" + "".join(cells) + f"{len(own):6d}"


def real_fakes(rows: Sequence[Row]) -> Iterator[str]:
    """The real fakes of the split: fired of measured per species and signal."""
    yield "Real fakes and composites: fired of measured, per species and signal"
    untouched = [r for r in rows if r.kind == "untouched" and r.label != "bonafide"]
    for label in sorted({r.label for r in untouched}):
        for what, some in _clips_and_photos([r for r in untouched if r.label == label]):
            if some:
                cells = [
                    f"{code.value} {_fired(some, code)}/{_measured(some, code)}"
                    for code in SignalCode
                    if _measured(some, code)
                ]
                fired = rate(Rate(sum(bool(r.fired) for r in some), len(some)))
                yield f"  {label}, {what} (n={len(some)}): any {fired}; " + ", ".join(cells)


def rate_of(rows: Sequence[Row], code: SignalCode) -> str:
    """Share of the rows with a measurement on which a signal fired."""
    return rate(Rate(_fired(rows, code), _measured(rows, code)))


def rate(own: Rate) -> str:
    """A rate with its n and interval."""
    if not own.n:
        return "none measured"
    low, high = own.interval
    return f"{own.errors} of {own.n} = {own.value:.0%} ({low:.0%}-{high:.0%})"


def _fired(rows: Sequence[Row], code: SignalCode) -> int:
    return sum(code in row.fired for row in rows)


def _measured(rows: Sequence[Row], code: SignalCode) -> int:
    return sum(code in row.values for row in rows)


def _clips_and_photos(rows: Sequence[Row]) -> tuple[tuple[str, list[Row]], tuple[str, list[Row]]]:
    return (
        ("clips", [row for row in rows if row.is_video]),
        ("photos", [row for row in rows if not row.is_video]),
    )
