"""Error rates of ISO/IEC 30107-3, from `p_attack` of labelled rows (higher = more attack).

Raw scores run the other way (higher = more bona fide): negate them before they come here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

LEVEL = 0.95
_BISECTIONS = 60  # halves the unit interval down to the precision of a double
_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of wrong decisions, with the interval that its n allows.

    Parameters
    ----------
    errors, n
        Wrong decisions, and decisions in all.
    """

    errors: int
    n: int

    def __post_init__(self) -> None:
        if not 0 <= self.errors <= self.n:
            msg = f"Rate: expected 0 <= errors <= n, got {self.errors} of {self.n}"
            raise ValueError(msg)

    @property
    def value(self) -> float:
        """The share, NaN when there was nothing to decide."""
        return self.errors / self.n if self.n else float("nan")

    @property
    def interval(self) -> Interval:
        """The exact 95 % interval."""
        return clopper_pearson(self.errors, self.n)


@dataclass(frozen=True, slots=True)
class EqualErrorRate:
    """Where APCER and BPCER are the same, and the `p_attack` at which that happens."""

    value: float
    threshold: float


def bpcer(rejected: Sequence[bool]) -> Rate:
    """Return the share of bona fide presentations that were rejected.

    Parameters
    ----------
    rejected
        One decision for each bona fide presentation.
    """
    return Rate(sum(map(bool, rejected)), len(rejected))


def apcer_per_species(decisions: Iterable[tuple[str, bool]]) -> dict[str, Rate]:
    """Return the share of attacks let through per attack species, the worst first.

    Parameters
    ----------
    decisions
        (species, rejected) for each attack presentation.

    Notes
    -----
    ISO/IEC 30107-3 reports the worst species and never an average over them. Among equal rates
    the one with more attacks stands first: it is the firmer evidence.
    """
    counts: dict[str, list[int]] = {}
    for species, rejected in decisions:
        count = counts.setdefault(species, [0, 0])
        count[0] += not rejected
        count[1] += 1
    rates = {species: Rate(errors, n) for species, (errors, n) in counts.items()}
    return dict(sorted(rates.items(), key=lambda item: (-item[1].value, -item[1].n, item[0])))


def clopper_pearson(errors: int, n: int, level: float = LEVEL) -> Interval:
    """Return the exact interval of a binomial proportion.

    Each end is the proportion at which the observed count, or a more extreme one, would have a
    probability of half of `1 - level`. Never narrower than its level, also at 0 and at n.

    References
    ----------
    Clopper and Pearson 1934, Biometrika 26(4), 404-413.
    """
    if n == 0:
        return 0.0, 1.0
    tail = (1.0 - level) / 2.0
    log_choose = _log_choose(n)
    low = 0.0 if errors == 0 else _proportion_with(tail, log_choose, np.arange(errors, n + 1))
    high = (
        1.0
        if errors == n
        else _proportion_with(1.0 - tail, log_choose, np.arange(errors + 1, n + 1))
    )
    return low, high


def equal_error_rate(
    bonafide: Sequence[float] | Floats, attack: Sequence[float] | Floats
) -> EqualErrorRate:
    """Return the rate at which APCER and BPCER meet.

    Parameters
    ----------
    bonafide, attack
        `p_attack` of each presentation; one at or above the threshold is rejected.

    Notes
    -----
    Both curves are steps; between the two thresholds at which they cross, the rate and the
    threshold are interpolated linearly, so the result does not depend on which class has more
    presentations.

    Raises
    ------
    ValueError
        When a class is empty.
    """
    thresholds, apcers, bpcers = _curves(_floats(bonafide), _floats(attack))
    gap = apcers - bpcers  # rises from -1 (all rejected) to 1 (none rejected)
    after = int(np.argmax(gap >= 0.0))
    before = after - 1
    span = gap[after] - gap[before]
    share = -gap[before] / span
    value = apcers[before] + share * (apcers[after] - apcers[before])
    threshold = thresholds[before] + share * (thresholds[after] - thresholds[before])
    return EqualErrorRate(float(value), float(threshold))


def equal_error_rate_interval(
    bonafide: Sequence[float] | Floats,
    attack: Sequence[float] | Floats,
    resamples: int = _RESAMPLES,
) -> Interval:
    """Return the 95 % percentile interval of the equal error rate.

    Both classes are drawn again with replacement, with a fixed seed. Presentations of one person
    or one generator are treated as independent: read it as the narrowest honest interval.
    """
    genuine, attacks = _floats(bonafide), _floats(attack)
    draw = np.random.default_rng(0)
    values = [
        equal_error_rate(
            draw.choice(genuine, len(genuine)), draw.choice(attacks, len(attacks))
        ).value
        for _ in range(resamples)
    ]
    tail = 50.0 * (1.0 - LEVEL)
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return float(low), float(high)


def auc(bonafide: Sequence[float] | Floats, attack: Sequence[float] | Floats) -> float:
    """Return the probability that an attack has a higher `p_attack` than a bona fide one.

    Ties count half (Mann-Whitney).
    """
    genuine, attacks = np.sort(_floats(bonafide)), _floats(attack)
    _require_both(genuine, attacks)
    below = np.searchsorted(genuine, attacks, side="left")
    not_above = np.searchsorted(genuine, attacks, side="right")
    return float((below + not_above).sum() / (2.0 * len(genuine) * len(attacks)))


def bpcer_at_apcer(
    bonafide: Sequence[float] | Floats, attack: Sequence[float] | Floats, apcer: float = 0.05
) -> float:
    """Return the lowest BPCER whose threshold keeps APCER at or below `apcer` (BPCER20 at 5 %)."""
    _, apcers, bpcers = _curves(_floats(bonafide), _floats(attack))
    return float(bpcers[apcers <= apcer].min())


def _curves(genuine: Floats, attacks: Floats) -> tuple[Floats, Floats, Floats]:
    """Return ascending thresholds with APCER and BPCER at each."""
    _require_both(genuine, attacks)
    values = np.unique(np.concatenate((genuine, attacks)))
    thresholds = np.append(values, np.nextafter(values[-1], np.inf))
    apcers = np.searchsorted(np.sort(attacks), thresholds, side="left") / len(attacks)
    bpcers = 1.0 - np.searchsorted(np.sort(genuine), thresholds, side="left") / len(genuine)
    return thresholds, apcers, bpcers


def _require_both(genuine: Floats, attacks: Floats) -> None:
    if not len(genuine) or not len(attacks):
        msg = f"needs both classes, got {len(genuine)} bona fide and {len(attacks)} attacks"
        raise ValueError(msg)
    if not (np.isfinite(genuine).all() and np.isfinite(attacks).all()):
        msg = "p_attack must be finite; leave out rows that could not be scored"
        raise ValueError(msg)


def _floats(values: Sequence[float] | Floats) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _log_choose(n: int) -> Floats:
    """Return log C(n, i) for i = 0 … n."""
    log_factorial = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, n + 1)))))
    result: Floats = log_factorial[n] - log_factorial - log_factorial[::-1]
    return result


def _proportion_with(probability: float, log_choose: Floats, counts: npt.NDArray[np.int_]) -> float:
    """Return the proportion at which `counts` together have `probability` (they rise with it)."""
    n = len(log_choose) - 1
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        log_terms = log_choose[counts] + counts * np.log(middle) + (n - counts) * np.log1p(-middle)
        if np.exp(log_terms).sum() < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0
