"""Fit the similarity of the bundled encoder, and report its errors, on labelled recordings.

    python -m layers.voice.speaker.measure ../shared/data/voice/manifest.csv

Prints the numbers to write into verdict/policies/speaker.toml and the tables of
docs/speaker.md. Chosen on half of the train speakers; held-out speakers, dev and test only report.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from layers.voice.speaker.load import GE2E, load_encoder
from layers.voice.speaker.similarity import similarity_pct
from layers.voice.speaker.trials import (
    ACTORS,
    PEOPLE,
    Recording,
    Trials,
    clones_of,
    interval_by_speaker,
    joined,
    read_recordings,
    shared_score,
    trials_of,
)
from verdict.error_rates import Rate

# What 75 and 55 are to mean: the share of different people that reach them.
_FALSE_MATCH_AT_SAME = 0.01
_FALSE_MATCH_AT_UNCLEAR = 0.05
_CUTS_PCT = (55.0, 75.0, 80.0, 85.0, 90.0, 92.0)
_PARTS = ("fit", "held", "dev", "test")


@dataclass(frozen=True, slots=True)
class Cuts:
    """What is written into the policy."""

    same: float
    unclear: float
    shared: float


def fit(trials: Trials) -> tuple[float, float]:
    """Return the cosines for 75 and 55: reached by 1 % and 5 % of different-speaker pairs."""
    scores = [score for group in trials.different.values() for score in group]
    same, unclear = np.quantile(scores, [1 - _FALSE_MATCH_AT_SAME, 1 - _FALSE_MATCH_AT_UNCLEAR])
    return round(float(same), 3), round(float(unclear), 3)


def cosine_of(cut_pct: float, same_score: float, unclear_score: float) -> float:
    """Return the smallest cosine, in thousandths, whose similarity reaches `cut_pct`."""
    for thousandths in range(-1000, 1001):
        score = thousandths / 1000
        if similarity_pct(score, same_score, unclear_score) >= cut_pct:
            return score
    msg = f"no cosine reaches a similarity of {cut_pct}"
    raise ValueError(msg)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the fit and the error tables."""
    parser = argparse.ArgumentParser(description="fit and report the speaker similarity")
    parser.add_argument("manifest", type=Path)
    options = parser.parse_args(arguments)
    encoder = load_encoder(GE2E)
    everybody = re.compile(f"{PEOPLE.pattern}|{ACTORS.pattern}")
    recordings = read_recordings(options.manifest, encoder, everybody)
    people = [one for one in recordings if PEOPLE.fullmatch(one.speaker)]
    chosen_on = [one for one in people if one.part == "fit"]
    shared = round(shared_score(chosen_on), 2)
    same, unclear = fit(trials_of(chosen_on, shared))
    cuts = Cuts(same, unclear, shared)
    _say(f"{cuts}; weights {encoder.digest[:12]}")
    for part in _PARTS:
        of_part = [one for one in people if one.part == part]
        _report(f"{part}, one clip of 3 s each", of_part, cuts)
        _report(f"{part}, two clips joined", joined(of_part), cuts)
    actors = [one for one in recordings if ACTORS.fullmatch(one.speaker)]
    _report("acted emotions, one clip of 2-3 s each", actors, cuts)
    synthetic = read_recordings(options.manifest, encoder, PEOPLE, "synthetic")
    _report_clones(clones_of(people, synthetic, cuts.shared), cuts)
    consistency = [
        float(np.mean(one.partials @ (one.embedding / np.linalg.norm(one.embedding))))
        for one in people
        if one.part in ("fit", "held") and len(one.partials) > 1
    ]
    shares = np.quantile(consistency, [0.01, 0.05, 0.5])
    _say(f"consistency of {len(consistency)} clips: 1 %, 5 %, 50 % at {np.round(shares, 3)}")


def _report(name: str, recordings: Sequence[Recording], cuts: Cuts) -> None:
    trials = trials_of(recordings, cuts.shared)
    n_same = len([one for one in trials.same.values() if one])
    _say(f"\n{name}: {len(recordings)} recordings, {len(trials.people)} people in pairs")
    if not n_same or not trials.different:
        _say("too few pairs")
        return
    _say("| similarity | cosine | FMR (different people reach it) | FNMR (same person below) |")
    _say("|---|---|---|---|")
    for cut_pct in _CUTS_PCT:
        score = cosine_of(cut_pct, cuts.same, cuts.unclear)
        matches, misses = trials.false_matches(score), trials.false_non_matches(score)
        by_speaker = [interval_by_speaker(trials, score, same=one) for one in (False, True)]
        cells = (_cell(matches, by_speaker[0]), _cell(misses, by_speaker[1]))
        _say(f"| {cut_pct:g} | {score:.3f} | {cells[0]} | {cells[1]} |")


def _report_clones(trials: Trials, cuts: Cuts) -> None:
    _say(f"\nsynthetic speech in the voices of {len(trials.people)} people, all splits")
    for cut_pct in _CUTS_PCT:
        score = cosine_of(cut_pct, cuts.same, cuts.unclear)
        interval = interval_by_speaker(trials, score, same=False)
        _say(f"| {cut_pct:g} | {_cell(trials.false_matches(score), interval)} |")


def _cell(rate: Rate, by_speaker: tuple[float, float]) -> str:
    pairs, people = ([f"{100 * end:.2f}" for end in ends] for ends in (rate.interval, by_speaker))
    share = f"{100 * rate.value:.2f} %"
    return f"{share} of {rate.n} ({' - '.join(pairs)}; by speaker {' - '.join(people)})"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
