"""From scored rows to error rates at the shipped threshold, over all and per source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from layers.evaluation.scoring import LayerScore, ScoredRow
from verdict.error_rates import (
    EqualErrorRate,
    Interval,
    Rate,
    apcer_per_species,
    auc,
    bpcer,
    equal_error_rate,
    equal_error_rate_interval,
)
from verdict.evidence import CheckName, LayerName, SignalCode
from verdict.policy import Policy
from verdict.rules import half_up


@dataclass(frozen=True, slots=True)
class EerSummary:
    """The equal error rate with its interval, and the area under the curve."""

    rate: EqualErrorRate
    interval: Interval
    auc: float


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """The figures of one source; `eer` is None where it has one class only."""

    source: str
    bpcer: Rate
    apcer: Rate
    eer: float | None


@dataclass(frozen=True, slots=True)
class MarkSummary:
    """How often one check failed or one signal fired, among bona fide and among attacks."""

    name: str
    bonafide: Rate
    attack: Rate


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one layer on one manifest.

    Parameters
    ----------
    threshold
        Risk (0-100) above which the layer rejects; None for liveness, where one failed check
        does.
    unscored
        Rows that could not be read or scored: in no rate.
    apcer
        Per attack species, the worst first. It looks at the risk alone: an attack that is let
        through with too little confidence counts here too.
    let_through
        All attacks together: no APCER, because it depends on how many of each species there are.
    bpnrr, apnrr
        Rows that were not rejected but whose confidence is below the minimum.
    """

    layer: LayerName
    threshold: float | None
    minimum_confidence: float
    n_bonafide: int
    n_attack: int
    unscored: tuple[ScoredRow, ...]
    eer: EerSummary | None
    bpcer: Rate
    apcer: dict[str, Rate]
    let_through: Rate
    bpnrr: Rate
    apnrr: Rate
    sources: tuple[SourceSummary, ...]
    marks: tuple[MarkSummary, ...]


@dataclass(frozen=True, slots=True)
class _Judged:
    row: ScoredRow
    score: LayerScore
    rejected: bool
    undecided: bool


def summarise(layer: LayerName, rows: Sequence[ScoredRow], policy: Policy) -> Summary:
    """Return the figures of `layer`, at the thresholds of `policy`."""
    threshold = _threshold(layer, policy)
    minimum = policy.number("verdict.minimum_confidence")
    judged = [_judge(row, row.score, threshold, minimum) for row in rows if row.score is not None]
    genuine = [one for one in judged if not one.row.row.is_attack]
    attacks = [one for one in judged if one.row.row.is_attack]
    return Summary(
        layer=layer,
        threshold=threshold,
        minimum_confidence=minimum,
        n_bonafide=len(genuine),
        n_attack=len(attacks),
        unscored=tuple(row for row in rows if row.score is None),
        eer=_eer(genuine, attacks),
        bpcer=bpcer([one.rejected for one in genuine]),
        apcer=apcer_per_species((one.row.row.species, one.rejected) for one in attacks),
        let_through=_rate(attacks, lambda one: not one.rejected),
        bpnrr=_rate(genuine, lambda one: one.undecided),
        apnrr=_rate(attacks, lambda one: one.undecided),
        sources=_per_source(judged),
        marks=_marks(layer, genuine, attacks),
    )


def _threshold(layer: LayerName, policy: Policy) -> float | None:
    return None if layer is LayerName.LIVENESS else policy.number(f"verdict.{layer}_threshold")


def _judge(row: ScoredRow, score: LayerScore, threshold: float | None, minimum: float) -> _Judged:
    """Decide as the rules do: on the integers of the wire, above and not at the threshold."""
    rejected = (
        score.p_attack > 0.0 if threshold is None else half_up(100 * score.p_attack) > threshold
    )
    unsure = score.confidence is None or half_up(100 * score.confidence) < minimum
    return _Judged(row, score, rejected, unsure and not rejected)


def _rate(judged: Sequence[_Judged], counts: Callable[[_Judged], bool]) -> Rate:
    return Rate(sum(counts(one) for one in judged), len(judged))


def _eer(genuine: Sequence[_Judged], attacks: Sequence[_Judged]) -> EerSummary | None:
    if not genuine or not attacks:
        return None
    scores = [one.score.p_attack for one in genuine], [one.score.p_attack for one in attacks]
    return EerSummary(equal_error_rate(*scores), equal_error_rate_interval(*scores), auc(*scores))


def _per_source(judged: Sequence[_Judged]) -> tuple[SourceSummary, ...]:
    """Return the sources by name; none where the manifest has no such column."""
    names = sorted({one.row.row.source for one in judged} - {""})
    summaries = []
    for name in names:
        own = [one for one in judged if one.row.row.source == name]
        genuine = [one for one in own if not one.row.row.is_attack]
        attacks = [one for one in own if one.row.row.is_attack]
        both = genuine and attacks
        scores = [one.score.p_attack for one in genuine], [one.score.p_attack for one in attacks]
        summaries.append(
            SourceSummary(
                source=name,
                bpcer=_rate(genuine, lambda one: one.rejected),
                apcer=_rate(attacks, lambda one: not one.rejected),
                eer=equal_error_rate(*scores).value if both else None,
            )
        )
    return tuple(summaries)


def _marks(
    layer: LayerName, genuine: Sequence[_Judged], attacks: Sequence[_Judged]
) -> tuple[MarkSummary, ...]:
    """Return failed checks for liveness, fired signals for vision, nothing for voice."""
    if layer is LayerName.LIVENESS:
        return tuple(_mark(str(name), genuine, attacks, _failed(name)) for name in CheckName)
    if layer is LayerName.VISION:
        return tuple(_mark(str(code), genuine, attacks, _fired(str(code))) for code in SignalCode)
    return ()


def _mark(
    name: str,
    genuine: Sequence[_Judged],
    attacks: Sequence[_Judged],
    counts: Callable[[_Judged], bool],
) -> MarkSummary:
    return MarkSummary(name, _rate(genuine, counts), _rate(attacks, counts))


def _failed(name: CheckName) -> Callable[[_Judged], bool]:
    return lambda one: not one.score.checks[name].passed


def _fired(code: str) -> Callable[[_Judged], bool]:
    return lambda one: code in one.score.signals
