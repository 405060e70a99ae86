"""Lines of the tables: how many of how many were rejected, and by which check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from verdict.error_rates import Rate


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Parameters
    ----------
    n_people
        How many people the n captures show: phases and cuts of one clip are not independent.
    by
        How often each check rejected; a capture that two rejected counts in both.
    """

    what: str
    rejected: Rate
    n_people: int = 0
    by: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Lines that belong together."""

    title: str
    lines: tuple[Line, ...]


@dataclass(slots=True)
class Tally:
    """Collects outcomes by line; lines appear in the order of their first outcome."""

    _outcomes: dict[str, list[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)

    def add(self, what: str, person: str, failed: Iterable[str]) -> None:
        """Note which checks failed on one capture of `person`; none is accepted."""
        self._outcomes.setdefault(what, []).append((person, tuple(failed)))

    def table(self, title: str) -> Table:
        """Return all that was noted."""
        return Table(title, tuple(_line(what, own) for what, own in self._outcomes.items()))


def _line(what: str, outcomes: Sequence[tuple[str, tuple[str, ...]]]) -> Line:
    by = Counter(name for _, failed in outcomes for name in failed)
    rejected = Rate(sum(bool(failed) for _, failed in outcomes), len(outcomes))
    return Line(what, rejected, len({person for person, _ in outcomes}), tuple(sorted(by.items())))


def markdown(table: Table) -> str:
    """Return a table as Markdown, rates with exact 95 % intervals."""
    lines = [f"### {table.title}", ""]
    lines += ["| | rejected | n (people) | 95 % interval | by |", "|---|---|---|---|---|"]
    for line in table.lines:
        rate = line.rejected
        if not rate.n:
            continue
        low, high = rate.interval
        by = ", ".join(f"{name} {count}" for name, count in line.by)
        lines.append(
            f"| {line.what} | {rate.errors} ({rate.value:.1%}) | {rate.n} ({line.n_people}) "
            f"| {low:.1%} - {high:.1%} | {by} |"
        )
    return "\n".join([*lines, ""])
