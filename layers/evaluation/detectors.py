"""Several voice detectors on the same files: each file is decoded once and scored by all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from layers.capture.load import load_audio_only
from layers.capture.types import Audio
from layers.evaluation.manifest import ManifestRow
from layers.evaluation.scoring import LayerScore, ScoredRow
from layers.evaluation.summary import Summary, summarise
from layers.runner import tasks
from layers.runner.tasks import ModelPaths
from layers.voice.analyse import judge_speech
from layers.voice.detector.combined import combination
from layers.voice.quality import measure_quality, quality_confidence
from verdict.evidence import LayerName
from verdict.policy import Policy


@dataclass(frozen=True, slots=True)
class DetectorScorer:
    """What a child does for each file, in place of running the layer as it is in force.

    Parameters
    ----------
    names
        Detectors, or the ensemble, each at the threshold that the policy gives it.
    """

    names: tuple[str, ...]

    def __call__(
        self, _layer: LayerName, row: ManifestRow, policy: Policy, paths: ModelPaths
    ) -> LayerScore:
        """Decode one file and score it by every detector; `p_attack` is that of the first.

        Raises
        ------
        MediaError
            When the file can't be used.
        """
        audio = load_audio_only(row.file).audio
        if audio is None or not audio.speech:
            return LayerScore(0.0, 0.0, detectors=dict.fromkeys(self.names, 0.0))
        risks = {name: self._risk(name, audio, policy, paths) for name in self.names}
        confidence = quality_confidence(measure_quality(audio), policy)
        return LayerScore(risks[self.names[0]], confidence, detectors=risks)

    @staticmethod
    def _risk(name: str, audio: Audio, policy: Policy, paths: ModelPaths) -> float:
        heard = judge_speech(audio, combination(name, policy), tasks.voice_models(paths))
        return 0.0 if heard is None else heard.p_attack


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are looked at together."""

    kind: str
    name: str
    n_bonafide: int
    n_attack: int
    summaries: Mapping[str, Summary]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The figures of several detectors on the same rows.

    Parameters
    ----------
    overall
        By detector, in the order asked for.
    groups
        Pairs, unseen speakers and generators, codecs, sources and generators.
    """

    names: tuple[str, ...]
    overall: Mapping[str, Summary]
    groups: tuple[Group, ...]


def compare(rows: Sequence[ScoredRow], names: tuple[str, ...], policy: Policy) -> Comparison:
    """Return the figures of each detector over all rows and over each group.

    Generators come with the worst of the first detector first; the bona fide rows of a group
    are its own, and a generator, which has none, is shown by what it gets through alone.
    """
    overall = _by_detector(rows, names, policy)
    groups = [
        *_one_group(rows, "rows", "paired pipeline", lambda row: row.is_paired),
        *_one_group(rows, "rows", "speaker not in train", lambda row: row.is_speaker_new),
        *_one_group(
            rows,
            "rows",
            "generator not in train, and all bona fide",
            lambda row: row.is_generator_new or not row.is_attack,
        ),
        *_groups_by(rows, "codec", lambda row: row.codec),
        *_groups_by(rows, "source", lambda row: row.source),
    ]
    found = [
        _group(kind, name, chosen, names, policy)
        for kind, name, chosen in groups
        if any(row.score is not None for row in chosen)
    ]
    worst_first = overall[names[0]].apcer
    for species in worst_first:
        chosen = [row for row in rows if row.row.is_attack and row.row.species == species]
        found.append(_group("generator", species, chosen, names, policy))
    return Comparison(names, overall, tuple(found))


_Rows = tuple[str, str, list[ScoredRow]]


def _one_group(
    rows: Sequence[ScoredRow], kind: str, name: str, belongs: Callable[[ManifestRow], bool]
) -> list[_Rows]:
    chosen = [row for row in rows if belongs(row.row)]
    # Without one attack the group says nothing that the whole does not say.
    return [(kind, name, chosen)] if any(row.row.is_attack for row in chosen) else []


def _groups_by(
    rows: Sequence[ScoredRow], kind: str, name_of: Callable[[ManifestRow], str]
) -> list[_Rows]:
    names = sorted({name_of(row.row) for row in rows} - {""})
    return [(kind, name, [row for row in rows if name_of(row.row) == name]) for name in names]


def _group(
    kind: str, name: str, rows: Sequence[ScoredRow], names: tuple[str, ...], policy: Policy
) -> Group:
    summaries = _by_detector(rows, names, policy)
    first = summaries[names[0]]
    return Group(kind, name, first.n_bonafide, first.n_attack, summaries)


def _by_detector(
    rows: Sequence[ScoredRow], names: tuple[str, ...], policy: Policy
) -> dict[str, Summary]:
    return {name: summarise(LayerName.VOICE, _as_said_by(name, rows), policy) for name in names}


def _as_said_by(name: str, rows: Sequence[ScoredRow]) -> list[ScoredRow]:
    return [
        row
        if row.score is None
        else ScoredRow(row.row, LayerScore(row.score.detectors[name], row.score.confidence))
        for row in rows
    ]
