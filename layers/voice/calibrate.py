"""Fit the calibration of the voice score on labelled recordings and write it to the policy.

    python -m layers.voice.calibrate ../shared/data/voice/manifest.csv

The slope is a logistic regression with both classes weighted alike; the operating score is where
at most 5 % of the bona fide recordings are rejected. To be run again whenever the weights change.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from layers.capture.load import load_audio_only
from layers.voice.analyse import score_speech
from layers.voice.detector.embedded import EmbeddedDetector
from layers.voice.protocol import SpeechDetector
from verdict.error_rates import Rate, equal_error_rate
from verdict.policy import SHIPPED_FOLDER

TARGET_BPCER = 0.05
POLICY_FILE = SHIPPED_FOLDER / "voice.toml"
_BONA_FIDE = "bonafide"
# With little overlap between the classes the slope would grow without bound.
_REGULARISATION = 1.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """The two fitted numbers and what they rest on."""

    slope: float
    operating_score: float
    bpcer: Rate
    apcer: Rate
    eer: float

    def basis(self, data: str, digest: str) -> str:
        """Say in one sentence what was measured."""
        return (
            f"{data}: {self.bpcer.n} bona fide, {self.apcer.n} synthetic; at this point BPCER "
            f"{_percent(self.bpcer)}, APCER {_percent(self.apcer)}, EER {100 * self.eer:.1f} %; "
            f"weights {digest[:12]}"
        )


def fit(bonafide: Sequence[float], attack: Sequence[float]) -> Calibration:
    """Fit slope and operating score to raw scores (higher = more bona fide).

    Raises
    ------
    ValueError
        When a class is empty, or the scores tell attacks from bona fide the wrong way round.
    """
    if not bonafide or not attack:
        msg = f"needs both classes, got {len(bonafide)} bona fide and {len(attack)} attacks"
        raise ValueError(msg)
    scores = np.array([*bonafide, *attack], dtype=np.float64)
    is_attack = np.array([0] * len(bonafide) + [1] * len(attack))
    # The regularisation would depend on the scale of the score: fit on scores of unit spread.
    spread = float(scores.std()) or 1.0
    model = LogisticRegression(class_weight="balanced", C=_REGULARISATION)
    model.fit(scores[:, None] / spread, is_attack)
    slope = -float(model.coef_[0, 0]) / spread
    if slope <= 0:
        msg = "attacks score higher than bona fide recordings: the sign of the score is wrong"
        raise ValueError(msg)
    ordered = np.sort(np.asarray(bonafide, dtype=np.float64))
    spared = int(TARGET_BPCER * len(ordered))
    below = ordered[max(spared - 1, 0)]
    operating = round(float((below + ordered[spared]) / 2), 4)
    return Calibration(
        slope=round(slope, 4),
        operating_score=operating,
        bpcer=Rate(sum(score < operating for score in bonafide), len(bonafide)),
        apcer=Rate(sum(score >= operating for score in attack), len(attack)),
        eer=equal_error_rate([-s for s in bonafide], [-s for s in attack]).value,
    )


def scores_of(
    manifest: Path, split: str, detector: SpeechDetector
) -> tuple[list[float], list[float], int]:
    """Return the raw scores of bona fide and attack recordings, and how many had no speech."""
    # Imported here: the layer itself does not depend on its own evaluation.
    from layers.evaluation.manifest import rows_for
    from verdict.evidence import LayerName

    found: dict[bool, list[float]] = {False: [], True: []}
    silent = 0
    for row in rows_for(LayerName.VOICE, manifest, {"split": split}):
        audio = load_audio_only(row.file).audio
        score = score_speech(audio, detector)[1] if audio is not None else None
        if score is None:
            silent += 1
        else:
            found[row.label != _BONA_FIDE].append(score)
    return found[False], found[True], silent


def rewritten(policy: str, entry: str, value: float, basis: str, day: str) -> str:
    """Return the policy text with value, source, basis and date of `entry` replaced.

    Raises
    ------
    ValueError
        When the text has no such entry.
    """
    table = re.compile(rf"(?ms)^\[{re.escape(entry)}\]\n.*?(?=^\[|\Z)")
    match = table.search(policy)
    if match is None:
        msg = f"the policy file has no entry [{entry}]"
        raise ValueError(msg)
    lines = {"value": repr(value), "source": '"measured"', "basis": f'"{basis}"', "date": day}
    text = match.group()
    for name, new in lines.items():
        line = f"{name} = {new}"
        text = re.sub(rf"(?m)^{name} = .*$", line.replace("\\", r"\\"), text)
    return policy[: match.start()] + text + policy[match.end() :]


def main(arguments: Sequence[str] | None = None) -> None:
    """Calibrate the embedded detector and write the policy file."""
    parser = argparse.ArgumentParser(description="calibrate the voice score")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--split", default="dev")
    parser.add_argument("--policy", type=Path, default=POLICY_FILE)
    options = parser.parse_args(arguments)
    detector = EmbeddedDetector()
    bonafide, attack, silent = scores_of(options.manifest, options.split, detector)
    result = fit(bonafide, attack)
    data = f"split {options.split} of the voice recordings"
    if silent:
        data += f" ({silent} without speech left out)"
    basis = result.basis(data, detector.digest)
    day = datetime.now(UTC).date().isoformat()
    policy = options.policy.read_text(encoding="utf-8")
    for name, value in (("slope", result.slope), ("operating_score", result.operating_score)):
        policy = rewritten(policy, f"voice.calibration.{name}", value, basis, day)
    options.policy.write_text(policy, encoding="utf-8")


def _percent(rate: Rate) -> str:
    low, high = rate.interval
    return f"{100 * rate.value:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


if __name__ == "__main__":
    main()
