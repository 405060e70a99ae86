"""The fit against data with a known answer, and the policy file it writes."""

import numpy as np
import pytest

from layers.voice.calibrate import fit, rewritten
from verdict.policy import SHIPPED_FOLDER, parse_policy


def test_at_most_one_bona_fide_in_twenty_is_rejected() -> None:
    draw = np.random.default_rng(2)
    found = fit(list(draw.normal(1, 1, 99)), list(draw.normal(-1, 1, 120)))
    assert (found.bpcer.errors, found.bpcer.n) == (4, 99)
    assert found.apcer.n == 120


def test_the_slope_is_that_of_two_normal_distributions() -> None:
    # Equal variance: log-odds are (mean difference / variance) per unit of score, here 2 / 1.
    draw = np.random.default_rng(4)
    found = fit(list(draw.normal(1, 1, 4000)), list(draw.normal(-1, 1, 2000)))
    assert found.slope == pytest.approx(2.0, rel=0.1)
    stretched = fit(list(draw.normal(10, 10, 4000)), list(draw.normal(-10, 10, 2000)))
    assert stretched.slope == pytest.approx(0.2, rel=0.1)


def test_equal_scores_reject_nobody() -> None:
    found = fit([1.0] * 10, [0.0] * 10)
    assert found.bpcer.errors == 0


def test_a_missing_class_or_a_turned_sign_is_refused() -> None:
    with pytest.raises(ValueError, match="needs both classes"):
        fit([], [1.0])
    with pytest.raises(ValueError, match="sign"):
        fit([-1.0, -1.1, -0.9], [1.0, 1.1, 0.9])


def test_the_policy_file_gets_the_two_numbers_and_keeps_the_rest() -> None:
    text = (SHIPPED_FOLDER / "voice.toml").read_text(encoding="utf-8")
    changed = rewritten(text, "voice.calibration.slope", 3.25, "30 clips", "2026-12-01")
    before, after = parse_policy(text, "before"), parse_policy(changed, "after")
    entry = after.entries["voice.calibration.slope"]
    assert (entry.value, entry.source, entry.basis) == (3.25, "measured", "30 clips")
    assert str(entry.date) == "2026-12-01"
    assert {**before.entries, entry.name: entry} == dict(after.entries)
    with pytest.raises(ValueError, match=r"no entry \[voice.nothing\]"):
        rewritten(text, "voice.nothing", 1.0, "", "")
