"""The fit against data with a known answer, and the policy file it writes."""

import numpy as np
import pytest

from layers.capture.types import Audio
from layers.voice.browser_codec import through_opus
from layers.voice.calibrate import LOSSLESS, OPUS, ScoredClip, calibrated, rewritten
from layers.voice.calibration_fit import ScoreSet, fit
from layers.voice.detector.combined import combination
from layers.voice.detector.errors import UncalibratedError
from verdict.policy import SHIPPED_FOLDER, load_policy, parse_policy

TEXT = (SHIPPED_FOLDER / "voice.toml").read_text(encoding="utf-8")


def test_at_most_one_bona_fide_in_twenty_is_rejected() -> None:
    draw = np.random.default_rng(2)
    bonafide = tuple(draw.normal(1, 1, 99))
    found = fit(bonafide, list(draw.normal(-1, 1, 120)))
    assert sum(score < found.operating_score for score in bonafide) == 4


def test_the_slope_is_that_of_two_normal_distributions() -> None:
    # Equal variance: log-odds are (mean difference / variance) per unit of score, here 2 / 1.
    draw = np.random.default_rng(4)
    found = fit(list(draw.normal(1, 1, 4000)), list(draw.normal(-1, 1, 2000)))
    assert found.slope == pytest.approx(2.0, rel=0.1)
    stretched = fit(list(draw.normal(10, 10, 4000)), list(draw.normal(-10, 10, 2000)))
    assert stretched.slope == pytest.approx(0.2, rel=0.1)


def test_equal_scores_reject_nobody() -> None:
    found = fit([1.0] * 10, [0.0] * 10)
    assert found.operating_score <= 1.0


def test_a_missing_class_or_a_turned_sign_is_refused() -> None:
    with pytest.raises(ValueError, match="needs both classes"):
        fit([], [1.0])
    with pytest.raises(ValueError, match="sign"):
        fit([-1.0, -1.1, -0.9], [1.0, 1.1, 0.9])


def test_the_rates_are_those_at_the_operating_score() -> None:
    shown = ScoreSet((1.0, 2.0, 3.0, 4.0), (0.0, 0.5, 2.5, -1.0)).figures(1.5)
    assert shown.startswith("BPCER 25.0 % [0.6, 80.6], APCER 25.0 % [0.6, 80.6], EER")


def test_the_policy_file_gets_the_number_and_keeps_the_rest() -> None:
    name = "voice.detector.embedded.slope"
    changed = rewritten(TEXT, name, 3.25, "30 clips", "2026-12-01")
    before, after = parse_policy(TEXT, "before"), parse_policy(changed, "after")
    entry = after.entries[name]
    assert (entry.value, entry.source, entry.basis) == (3.25, "measured", "30 clips")
    assert str(entry.date) == "2026-12-01"
    assert {**before.entries, entry.name: entry} == dict(after.entries)
    with pytest.raises(ValueError, match=r"no entry \[voice.nothing\]"):
        rewritten(TEXT, "voice.nothing", 1.0, "", "")


def clips() -> list[ScoredClip]:
    """Two detectors that both tell the classes apart; Opus costs every clip one point."""
    draw = np.random.default_rng(8)
    made = []
    for is_attack in (False, True):
        for _ in range(60):
            scores = {
                "embedded": float(draw.normal(-2.0 if is_attack else 2.0, 1.0)),
                "aasist": float(draw.normal(-20.0 if is_attack else 20.0, 10.0)),
            }
            lower = {name: score - 1.0 for name, score in scores.items()}
            made += [ScoredClip(LOSSLESS, is_attack, scores), ScoredClip(OPUS, is_attack, lower)]
    return made


def test_both_ways_count_and_both_are_reported() -> None:
    text = calibrated(TEXT, "embedded", clips(), "made clips", "2026-12-01")
    entry = parse_policy(text, "after").entry("voice.detector.embedded.operating_score")
    bonafide = [one.scores["embedded"] for one in clips() if not one.is_attack]
    assert sum(score < float(entry.value) for score in bonafide) == 6  # 5 % of both ways together
    assert "made clips, lossless and Opus 32 kbit/s: 60 bona fide, 60 synthetic" in entry.basis
    assert "lossless BPCER" in entry.basis
    assert "Opus 32 kbit/s BPCER" in entry.basis


def test_the_ensemble_is_fitted_on_calibrated_members_and_goes_stale_with_them() -> None:
    text = TEXT
    for name in ("embedded", "aasist", "ensemble"):
        text = calibrated(text, name, clips(), "made clips", "2026-12-01")
    policy = load_policy().overlaid(parse_policy(text, "after"))
    chosen = combination("ensemble", policy)
    digests = {one.name: one.calibration.weights for one in chosen.members}
    chosen.check(digests)
    # The mean of two independent detectors tells more than either: it separates better.
    risks = [
        (clip.is_attack, chosen.calibration.p_attack(chosen.score(clip.scores))) for clip in clips()
    ]
    assert sum((risk > 0.6) == is_attack for is_attack, risk in risks) >= 0.97 * len(risks)
    moved = rewritten(text, "voice.detector.aasist.slope", 0.5, "moved", "2026-12-02")
    stale = combination("ensemble", load_policy().overlaid(parse_policy(moved, "moved")))
    with pytest.raises(UncalibratedError, match="--detector ensemble"):
        stale.check(digests)


def test_opus_keeps_the_speech_and_changes_the_samples() -> None:
    t_s = np.arange(32_000) / 16_000
    tone = (0.3 * np.sin(2 * np.pi * 440 * t_s)).astype(np.float32)
    silent = np.zeros(200, np.float32)
    sent = through_opus(Audio(tone, ((0.0, 2.0),), silent, 0.01))
    assert sent.original_codec == "opus"
    assert sent.duration_s == pytest.approx(2.0, abs=0.05)
    middle = sent.samples[8_000:24_000]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
