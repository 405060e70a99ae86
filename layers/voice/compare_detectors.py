"""Whether an ensemble beats its best member on sources that the shipped weights never heard.

    python -m layers.voice.compare_detectors ../shared/data/voice --models-folder ../shared/models

Prints the EER of each detector and of each mean of two or more with the embedded one, on the
train sources that gave the shipped weights nothing and on dev, and the difference to the best
member, with 95 % intervals over resampled recordings. Members enter as the policy calibrates
them, with even shares. It writes nothing: an ensemble is put in force by the policy.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from layers.voice.calibrate import LOSSLESS, ScoredClip, score_clips
from layers.voice.detector.combined import (
    AASIST,
    AASIST_L,
    EMBEDDED,
    Calibration,
    combination,
)
from layers.voice.detector.loading import DetectorFiles, load_detector
from layers.voice.protocol import SpeechDetector
from verdict.error_rates import equal_error_rate, equal_error_rate_interval
from verdict.policy import Policy, load_policy

Floats = npt.NDArray[np.float64]
_RESAMPLES = 500
_OTHERS = (AASIST, AASIST_L)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A detector or a mean of several, on one set of recordings.

    Parameters
    ----------
    gain
        EER of its best member minus its own, in shares; None for a single detector.
    """

    name: str
    eer: float
    interval: tuple[float, float]
    gain: float | None = None
    gain_interval: tuple[float, float] = (0.0, 0.0)

    @property
    def wins(self) -> bool:
        """Whether it beats its best member beyond chance."""
        return self.gain is not None and self.gain_interval[0] > 0.0


def candidates(
    clips: Sequence[ScoredClip], calibrations: Mapping[str, Calibration]
) -> list[Candidate]:
    """Return each detector, then each mean of the embedded one with others."""
    is_attack = np.array([clip.is_attack for clip in clips])
    odds = {
        name: np.array([one.log_odds(clip.scores[name]) for clip in clips])
        for name, one in calibrations.items()
    }
    found = [Candidate(name, *_eer(own, is_attack)) for name, own in odds.items()]
    single = {one.name: one.eer for one in found}
    others = [name for name in odds if name != EMBEDDED]
    for size in range(1, len(others) + 1):
        for chosen in combinations(others, size):
            members = (EMBEDDED, *chosen)
            mean: Floats = np.mean([odds[name] for name in members], axis=0)
            best = min(members, key=lambda name: single[name])
            eer, interval = _eer(mean, is_attack)
            gains = _resampled_gain(odds[best], mean, is_attack)
            found.append(Candidate(" + ".join(members), eer, interval, single[best] - eer, gains))
    return found


def calibrations_of(loaded: Mapping[str, SpeechDetector], policy: Policy) -> dict[str, Calibration]:
    """Return the policy's calibration of each detector.

    Raises
    ------
    UncalibratedError
        When one was not fitted with these weights: its log-odds would have no scale to share.
    """
    found = {}
    for name, detector in loaded.items():
        alone = combination(name, policy)
        alone.check({name: detector.digest})
        found[name] = alone.calibration
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare on held-out sources and on dev."""
    options = _options(arguments)
    policy = load_policy(options.policy)
    files = DetectorFiles(options.models_folder)
    names = (EMBEDDED, *_OTHERS)
    loaded = {name: load_detector(name, files) for name in names}
    calibrations = calibrations_of(loaded, policy)
    for title, labelled in _sets(options.data, options.every).items():
        clips = score_clips(labelled, loaded, (LOSSLESS,))
        genuine = sum(not clip.is_attack for clip in clips)
        print(f"{title}: {genuine} bona fide, {len(clips) - genuine} synthetic")  # noqa: T201
        for one in candidates(clips, calibrations):
            print(f"  {_line(one)}")  # noqa: T201


def _sets(data: Path, every: int) -> dict[str, list[tuple[Path, bool]]]:
    from layers.voice.training.data import read_manifest
    from layers.voice.training.train import held_out

    rows = read_manifest(data)
    shipped = tuple(row for row in rows if row.split == "train" and row.redistributable)
    chosen = {
        "sources that the shipped weights never heard": held_out(rows, shipped),
        "dev": tuple(row for row in rows if row.split == "dev"),
    }
    return {
        title: [(data / row.path, not row.bonafide) for row in own[::every]]
        for title, own in chosen.items()
    }


def _line(one: Candidate) -> str:
    low, high = one.interval
    text = f"{one.name:32} EER {100 * one.eer:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
    if one.gain is None:
        return text
    low, high = one.gain_interval
    gain = f"{100 * one.gain:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
    return (
        f"{text}, better than its best member by {gain}: {'wins' if one.wins else 'does not win'}"
    )


def _eer(odds: Floats, is_attack: npt.NDArray[np.bool_]) -> tuple[float, tuple[float, float]]:
    risks = -odds[~is_attack], -odds[is_attack]
    return equal_error_rate(*risks).value, equal_error_rate_interval(*risks)


def _resampled_gain(
    best: Floats, mean: Floats, is_attack: npt.NDArray[np.bool_]
) -> tuple[float, float]:
    """Return the 95 % interval of the difference, on the same resampled recordings."""
    draw = np.random.default_rng(0)
    genuine, attack = np.flatnonzero(~is_attack), np.flatnonzero(is_attack)
    gains = []
    for _ in range(_RESAMPLES):
        one, other = draw.choice(genuine, len(genuine)), draw.choice(attack, len(attack))
        eers = [equal_error_rate(-odds[one], -odds[other]).value for odds in (best, mean)]
        gains.append(eers[0] - eers[1])
    low, high = np.percentile(gains, (2.5, 97.5))
    return float(low), float(high)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="compare voice detectors and their means")
    parser.add_argument("data", type=Path, help="folder of manifest.csv")
    parser.add_argument("--models-folder", type=Path, required=True, help="holds aasist/*.pth")
    parser.add_argument("--policy", type=Path, help="TOML entries that replace shipped ones")
    parser.add_argument("--every", type=int, default=1, help="every n-th recording only")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
