"""A mean of detectors wins where their errors are independent, and not where one adds noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from layers.capture.types import FloatArray
from layers.voice.calibrate import LOSSLESS, ScoredClip
from layers.voice.compare_detectors import calibrations_of, candidates
from layers.voice.detector.combined import Calibration, calibration_of
from layers.voice.detector.errors import UncalibratedError
from verdict.policy import load_policy
from verdict.voice_evidence import WindowScore

CALIBRATIONS = {
    name: Calibration(name, 1.0, 0.0, 0.6, "") for name in ("embedded", "aasist", "aasist-l")
}


@dataclass
class Weights:
    """A detector of which only the weights count."""

    digest: str

    def score_windows(self, waveform: FloatArray) -> Sequence[WindowScore]:
        return (WindowScore(0.0, 1.0, 0.0),)


def clips(useful: float) -> list[ScoredClip]:
    """Each class 300 clips: the first detector tells, the second as asked, the third not."""
    draw = np.random.default_rng(6)
    made = []
    for is_attack in (False, True):
        sign = -1.0 if is_attack else 1.0
        for _ in range(300):
            scores = {
                "embedded": float(draw.normal(sign, 1.0)),
                "aasist": float(draw.normal(useful * sign, 1.0)),
                "aasist-l": float(draw.normal(0.0, 1.0)),
            }
            made.append(ScoredClip(LOSSLESS, is_attack, scores))
    return made


def test_independent_detectors_win_together_and_noise_does_not() -> None:
    found = {one.name: one for one in candidates(clips(useful=1.0), CALIBRATIONS)}
    assert list(found) == [
        "embedded",
        "aasist",
        "aasist-l",
        "embedded + aasist",
        "embedded + aasist-l",
        "embedded + aasist + aasist-l",
    ]
    # Normal classes two deviations apart: EER 15.9 %; the mean of two such: 7.9 %.
    assert abs(found["embedded"].eer - 0.159) < 0.03
    assert abs(found["embedded + aasist"].eer - 0.079) < 0.03
    assert found["embedded + aasist"].wins
    assert not found["embedded + aasist-l"].wins
    assert not found["embedded"].wins


def test_the_gain_is_against_the_best_member() -> None:
    found = {one.name: one for one in candidates(clips(useful=3.0), CALIBRATIONS)}
    mean = found["embedded + aasist"]
    assert mean.gain is not None
    assert abs(mean.gain - (found["aasist"].eer - mean.eer)) < 1e-12


def test_a_detector_whose_calibration_is_of_other_weights_is_not_compared() -> None:
    policy = load_policy()
    own = calibration_of("embedded", policy)
    assert calibrations_of({"embedded": Weights(own.weights)}, policy) == {"embedded": own}
    with pytest.raises(UncalibratedError, match="'embedded' is not calibrated"):
        calibrations_of({"embedded": Weights("f" * 64)}, policy)
