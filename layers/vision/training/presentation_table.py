"""Presentation attacks: ``python -m layers.vision.training.presentation_table --data FOLDER``.

Real clips and photos, degraded copies and a shaken camera: false alarms. Replays and prints made
by code from the same clips, and the few real ones: detection. Nothing here is fitted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from layers.capture.load import load_video
from layers.capture.types import Capture
from layers.vision import minifasnet, scene
from layers.vision.presentation import source
from layers.vision.presentation.cue import Cue
from layers.vision.reading import P_AT_THRESHOLD
from layers.vision.training.clips import Clip, read_clips
from layers.vision.training.degrade import DEGRADATIONS, degraded
from layers.vision.training.replay_clips import CONTROLS, SPECIES, replayed
from verdict.error_rates import auc, clopper_pearson
from verdict.policy import Policy, load_policy

RESAMPLES = 500
BONAFIDE = ("bona fide clip", "bona fide photo")


@dataclass(frozen=True, slots=True)
class Trial:
    """What was measured on one presentation; None where nothing could be.

    Parameters
    ----------
    presentation, published
        `p_attack` of our own cues and of the published networks.
    """

    kind: str
    name: str
    cues: tuple[Cue, ...]
    presentation: float | None
    published: float | None


def main() -> None:
    """Measure one split and print a line for each kind of presentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--models", type=Path, help="folder with minifasnet/*.pth")
    parser.add_argument("--replays", type=int, default=-1, help="clips to make replays of; -1: all")
    parser.add_argument("--plain", action="store_true", help="recordings as they are, nothing made")
    chosen = parser.parse_args()
    policy = load_policy()
    models = minifasnet.load(chosen.models) if chosen.models else None
    clips = read_clips(chosen.data, chosen.split)
    tried = list(trials(clips, None if chosen.plain else chosen.replays, policy, models))
    for line in (*table(tried), "", *highest(tried), "", *presented(tried)):
        print(line)  # noqa: T201


def trials(
    clips: list[Clip],
    replays: int | None,
    policy: Policy,
    models: minifasnet.PresentationModels | None,
) -> Iterator[Trial]:
    """Every recording as it is; bona fide ones degraded, shaken and replayed, too.

    Parameters
    ----------
    replays
        How many clips are replayed, all for -1; None leaves every recording as it is.
    """

    def trial(kind: str, clip: Clip, capture: Capture) -> Trial:
        cues = source.measure(capture)
        risks = [source.p_attack(cue, policy) for cue in cues]
        own = max((risk for risk in risks if risk is not None), default=None)
        return Trial(kind, clip.name, cues, own, published(capture, models, policy))

    made = 0
    for clip in clips:
        capture = load_video(clip.path)
        kind = _kind(clip)
        yield trial(kind, clip, capture)
        if clip.is_attack or replays is None:
            continue
        for how in DEGRADATIONS[1:]:
            yield trial(f"{kind}, {how.name}", clip, degraded(capture, how))
        if not clip.is_video:
            continue
        shown = SPECIES if made != replays else ()
        made += bool(shown)
        for species in (*CONTROLS, *shown):
            again = replayed(capture, species, seed=made)
            if again is not None:
                yield trial(f"made: {species.name}", clip, again)


def published(
    capture: Capture, models: minifasnet.PresentationModels | None, policy: Policy
) -> float | None:
    """`p_attack` of the published networks, on the frames that the layer would choose."""
    if models is None:
        return None
    rows = tuple(int(row) for row in scene.choose_frames(capture))
    found = minifasnet.risk_source(capture, rows, models, policy) if rows else None
    return None if found is None else found.p_attack


def table(tried: list[Trial]) -> Iterator[str]:
    """One line for each kind: cues, how many fire with the exact interval, the networks' AUC."""
    yield f"{'':42}{'n':>5}  {'moire':>17}  {'planar motion':>17}  {'fired':30}  published networks"
    for kind in dict.fromkeys(trial.kind for trial in tried):
        own = [trial for trial in tried if trial.kind == kind]
        cells = [_quantiles([trial.cues[k].value for trial in own]) for k in range(2)]
        fired = _fired([trial.presentation for trial in own])
        networks = _fired([trial.published for trial in own]) + _auc(tried, kind)
        yield f"{kind:42}{len(own):5}  {cells[0]}  {cells[1]}  {fired:30}  {networks}"


def highest(tried: list[Trial], most: int = 5) -> Iterator[str]:
    """The bona fide recordings that come nearest to each cue's threshold."""
    for k in range(2):
        own = [t for t in tried if t.kind.startswith(BONAFIDE) and t.cues[k].value is not None]
        for one in sorted(own, key=lambda t: -(t.cues[k].value or 0.0))[:most]:
            cue = one.cues[k]
            yield f"{cue.name} {cue.value:.2f}  {one.kind}  {one.name}  {cue.note}"


def presented(tried: list[Trial]) -> Iterator[str]:
    """The real presentation attacks one by one."""
    for one in tried:
        if one.kind.startswith("presentation"):
            own, networks = (_number(p) for p in (one.presentation, one.published))
            cues = ", ".join(f"{cue.name} {_number(cue.value)}" for cue in one.cues)
            yield f"{one.name}  {cues}  p {own}  published {networks}"


def _kind(clip: Clip) -> str:
    label = "bona fide" if clip.label == "bonafide" else clip.label
    return f"{label} {'clip' if clip.is_video else 'photo'}"


def _quantiles(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return f"{'not measured':>17}"
    low, middle, high = np.percentile(known, (10, 50, 100))
    return f"{low:5.2f} {middle:5.2f} {high:5.2f}"


def _fired(risks: list[float | None]) -> str:
    known = [risk for risk in risks if risk is not None]
    if not known:
        return "not measured"
    fired = sum(risk >= P_AT_THRESHOLD for risk in known)
    low, high = clopper_pearson(fired, len(known))
    return f"{fired} of {len(known)} = {fired / len(known):.1%} ({low:.1%}-{high:.1%})"


def _auc(tried: list[Trial], kind: str) -> str:
    real = BONAFIDE[1] if kind.endswith("photo") else BONAFIDE[0]
    values = {
        name: [t.published for t in tried if t.kind == name and t.published is not None]
        for name in (kind, real)
    }
    if kind.startswith("bona fide") or not all(values.values()):
        return ""
    middle, low, high = _auc_with_interval(values[real], values[kind])
    return f", AUC {middle:.2f} ({low:.2f}-{high:.2f})"


def _auc_with_interval(real: list[float], attack: list[float]) -> tuple[float, float, float]:
    """AUC with the 95 % interval of both classes drawn again; too narrow for one or two attacks."""
    draw = np.random.default_rng(0)
    again = [
        auc(draw.choice(real, len(real)), draw.choice(attack, len(attack)))
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(again, (2.5, 97.5))
    return auc(real, attack), float(low), float(high)


def _number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
