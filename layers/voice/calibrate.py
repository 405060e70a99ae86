"""Fit the calibration of voice detectors on labelled recordings and write it to the policy.

    python -m layers.voice.calibrate ../shared/data/voice/manifest.csv
    python -m layers.voice.calibrate MANIFEST --models-folder ../shared/models \
        --detector embedded --detector aasist --detector aasist-l --detector ensemble

Each clip counts twice, as it lies there and after Opus at 32 kbit/s, because that is what browsers
send. To be run again whenever weights change; the ensemble also when a member's calibration does.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from layers.capture.load import load_audio_only
from layers.capture.types import Audio
from layers.voice.analyse import score_speech
from layers.voice.browser_codec import through_opus
from layers.voice.calibration_fit import ScoreSet, fit
from layers.voice.detector.combined import (
    DETECTORS,
    EMBEDDED,
    ENSEMBLE,
    combination,
    ensemble_digest,
)
from layers.voice.detector.loading import DetectorFiles, load_detector
from layers.voice.protocol import SpeechDetector
from verdict.policy import SHIPPED_FOLDER, Policy, load_policy, parse_policy

POLICY_FILE = SHIPPED_FOLDER / "voice.toml"
LOSSLESS = "lossless"
OPUS = "Opus 32 kbit/s"
_BONA_FIDE = "bonafide"


@dataclass(frozen=True, slots=True)
class ScoredClip:
    """One clip that came one way, with its raw score by every detector."""

    way: str
    is_attack: bool
    scores: Mapping[str, float]


def score_clips(
    files: Iterable[tuple[Path, bool]],
    detectors: Mapping[str, SpeechDetector],
    ways: Sequence[str] = (LOSSLESS, OPUS),
) -> list[ScoredClip]:
    """Decode each file once and score it by every detector, each way; no speech, no clip.

    Parameters
    ----------
    files
        Path, and whether it is an attack.
    """
    clips = []
    for file, is_attack in files:
        audio = load_audio_only(file).audio
        if audio is None or not audio.speech:
            continue
        for way in ways:
            scores = _scores(audio if way == LOSSLESS else through_opus(audio), detectors)
            if scores is not None:
                clips.append(ScoredClip(way, is_attack, scores))
    return clips


def score_sets(clips: Iterable[ScoredClip], score: Mapping[int, float]) -> dict[str, ScoreSet]:
    """Return the scores of each way.

    Parameters
    ----------
    score
        Raw score by position of the clip.
    """
    found: dict[str, tuple[list[float], list[float]]] = {}
    for index, clip in enumerate(clips):
        found.setdefault(clip.way, ([], []))[clip.is_attack].append(score[index])
    return {
        way: ScoreSet(tuple(bonafide), tuple(attack)) for way, (bonafide, attack) in found.items()
    }


def calibrated(policy: str, name: str, clips: Sequence[ScoredClip], data: str, day: str) -> str:
    """Return the policy text with the calibration of one detector, or of the ensemble, fitted.

    Parameters
    ----------
    policy
        The text of the voice policy, with the members of an ensemble calibrated already.
    data
        What the clips are, in a few words.

    Raises
    ------
    ValueError
        When the scores can't be calibrated (see `fit`).
    """
    chosen = combination(name, _with_shipped(policy))
    scores = {index: chosen.score(clip.scores) for index, clip in enumerate(clips)}
    sets = score_sets(clips, scores)
    fitted = fit(
        [score for one in sets.values() for score in one.bonafide],
        [score for one in sets.values() for score in one.attack],
    )
    weights = ensemble_digest(chosen.members) if chosen.is_ensemble else chosen.calibration.weights
    counts = next(iter(sets.values()))
    figures = "; ".join(f"{way} {one.figures(fitted.operating_score)}" for way, one in sets.items())
    basis = (
        f"{data}, {' and '.join(sets)}: {len(counts.bonafide)} bona fide, {len(counts.attack)} "
        f"synthetic; at this point {figures}; weights {weights[:12]}"
    )
    values: dict[str, float | str] = {
        "slope": fitted.slope,
        "operating_score": fitted.operating_score,
        "weights": weights,
    }
    for entry, value in values.items():
        policy = rewritten(policy, f"voice.detector.{name}.{entry}", value, basis, day)
    return policy


def rewritten(policy: str, entry: str, value: float | str, basis: str, day: str) -> str:
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
    shown = json.dumps(value)
    lines = {"value": shown, "source": '"measured"', "basis": json.dumps(basis), "date": day}
    text = match.group()
    for name, new in lines.items():
        line = f"{name} = {new}"
        text = re.sub(rf"(?m)^{name} = .*$", line.replace("\\", r"\\"), text)
    return policy[: match.start()] + text + policy[match.end() :]


def main(arguments: Sequence[str] | None = None) -> None:
    """Calibrate the detectors and write the policy file."""
    # Imported here: the layer itself does not depend on its own evaluation.
    from layers.evaluation.manifest import rows_for
    from verdict.evidence import LayerName

    options = _options(arguments)
    files = DetectorFiles(options.models_folder, options.voice_model_folder, options.label)
    names = list(dict.fromkeys(options.detector or (EMBEDDED,)))
    loaded = {name: load_detector(name, files) for name in _needed(names, options.policy)}
    rows = rows_for(LayerName.VOICE, options.manifest, {"split": options.split})
    ways = (LOSSLESS,) if options.lossless_only else (LOSSLESS, OPUS)
    labelled = [(row.file, row.label != _BONA_FIDE) for row in rows]
    clips = score_clips(labelled, loaded, ways)
    data = f"split {options.split} of the voice recordings"
    day = datetime.now(UTC).date().isoformat()
    # Read as late as possible: scoring takes minutes, and others may edit the file meanwhile.
    policy = options.policy.read_text(encoding="utf-8")
    for name in sorted(names, key=lambda name: name == ENSEMBLE):
        if name != ENSEMBLE:
            entry, digest = f"voice.detector.{name}.weights", loaded[name].digest
            policy = rewritten(policy, entry, digest, "set before the fit", day)
        else:
            _check_members(policy, loaded)
        policy = calibrated(policy, name, clips, data, day)
    options.policy.write_text(policy, encoding="utf-8")
    for name in names:
        found = _with_shipped(policy).entry(f"voice.detector.{name}.operating_score")
        print(f"{name}: operating score {found.value}; {found.basis}")  # noqa: T201


def _needed(names: Sequence[str], policy_file: Path) -> tuple[str, ...]:
    """Return the detectors to load: those to calibrate, and the members of the ensemble."""
    wanted = set(names) - {ENSEMBLE}
    if ENSEMBLE in names:
        policy = _with_shipped(policy_file.read_text(encoding="utf-8"))
        wanted |= {member.name for member in combination(ENSEMBLE, policy).members}
    return tuple(name for name in DETECTORS if name in wanted)


def _check_members(policy: str, loaded: Mapping[str, SpeechDetector]) -> None:
    rules = _with_shipped(policy)
    for member in combination(ENSEMBLE, rules).members:
        combination(member.name, rules).check({member.name: loaded[member.name].digest})


def _with_shipped(voice: str) -> Policy:
    return load_policy().overlaid(parse_policy(voice, "the voice policy"))


def _scores(audio: Audio, detectors: Mapping[str, SpeechDetector]) -> dict[str, float] | None:
    scores = {}
    for name, detector in detectors.items():
        _, score = score_speech(audio, detector)
        if score is None:
            return None
        scores[name] = score
    return scores


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="calibrate voice detectors")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--detector", action="append", choices=(*DETECTORS, ENSEMBLE))
    parser.add_argument("--split", default="dev")
    parser.add_argument("--policy", type=Path, default=POLICY_FILE)
    parser.add_argument("--models-folder", type=Path, help="holds aasist/*.pth")
    parser.add_argument("--voice-model-folder", type=Path, help="a transformers model folder")
    parser.add_argument("--label", help="its bona fide label, where it can't be told")
    parser.add_argument(
        "--lossless-only", action="store_true", help="leave out the clips after Opus"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
