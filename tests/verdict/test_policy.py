"""The policy: provenance or no loading, overlays by known names only, a digest of the values."""

from __future__ import annotations

from pathlib import Path

import pytest

from verdict.policy import PolicyError, Source, UnknownEntryError, load_policy, parse_policy

ENTRY = """
version = "test"
[verdict.vision_threshold]
value = 80
unit = "risk 0-100"
source = "measured"
basis = "a deployment's own recordings, n = 400"
date = 2026-11-20
"""


def test_reference_policy_has_the_contract_thresholds() -> None:
    policy = load_policy()
    assert policy.number("verdict.vision_threshold") == 70
    assert policy.number("verdict.voice_threshold") == 60
    assert policy.number("verdict.minimum_confidence") == 70


def test_every_shipped_entry_says_where_it_comes_from() -> None:
    for entry in load_policy().entries.values():
        assert entry.basis.strip(), entry.name
        assert entry.source in set(Source)


def test_a_file_replaces_entries_and_changes_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(ENTRY)
    own, shipped = load_policy(path), load_policy()
    assert own.number("verdict.vision_threshold") == 80
    assert own.number("verdict.voice_threshold") == 60
    assert own.version == "test"
    assert own.digest != shipped.digest


@pytest.mark.parametrize("missing", ["value", "unit", "source", "basis", "date"])
def test_an_entry_without_provenance_does_not_load(missing: str) -> None:
    text = "\n".join(line for line in ENTRY.splitlines() if not line.startswith(missing))
    with pytest.raises(PolicyError):
        parse_policy(text, "test.toml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('source = "measured"', 'source = "a feeling"'),
        ("value = 80", 'value = "80"'),
        ("value = 80", "value = true"),
        ("value = 80", "value = nan"),
        ("value = 80", "value = inf"),
        ("date = 2026-11-20", 'date = "yesterday"'),
        ('basis = "a deployment\'s own recordings, n = 400"', 'basis = " "'),
        ('version = "test"', ""),
        ("[verdict.vision_threshold]", "[verdict.vision_threshold"),
    ],
)
def test_a_wrong_entry_is_named(old: str, new: str) -> None:
    with pytest.raises(PolicyError, match=r"test\.toml"):
        parse_policy(ENTRY.replace(old, new), "test.toml")


def test_unknown_names_are_errors_both_ways(tmp_path: Path) -> None:
    with pytest.raises(UnknownEntryError, match=r"no\.such\.entry"):
        load_policy().number("no.such.entry")
    path = tmp_path / "slip.toml"
    path.write_text(ENTRY.replace("vision_threshold", "vision_treshold"))
    with pytest.raises(PolicyError, match="vision_treshold"):
        load_policy(path)


def test_a_missing_policy_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"gone\.toml"):
        load_policy(tmp_path / "gone.toml")


TEXT = ENTRY.replace("value = 80", 'value = "embedded"').replace("risk 0-100", "name")


def test_names_and_digests_are_text_and_nothing_else_is() -> None:
    policy = parse_policy(TEXT, "test.toml")
    assert policy.text("verdict.vision_threshold") == "embedded"
    with pytest.raises(PolicyError, match="holds text where a number is needed"):
        policy.number("verdict.vision_threshold")
    with pytest.raises(PolicyError, match="holds a number where text is needed"):
        load_policy().text("verdict.vision_threshold")
    with pytest.raises(PolicyError, match="value must be text because its unit is 'name'"):
        parse_policy(TEXT.replace('"embedded"', "80"), "test.toml")


def test_an_overlay_can_not_turn_a_number_into_text() -> None:
    with pytest.raises(PolicyError, match=r"vision_threshold.* must keep its unit 'risk 0-100'"):
        load_policy().overlaid(parse_policy(TEXT, "test.toml"))
