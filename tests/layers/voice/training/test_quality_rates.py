"""The quality report takes people with sound only, and counts findings by source."""

from pathlib import Path

from layers.voice.training.quality_rates import Judged, rates_table, real_recordings
from verdict.policy import load_policy


def test_only_people_of_the_split_with_sound_are_taken(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "path,label,split,source,has_audio\n"
        "a.flac,bonafide,dev,one,\n"
        "b.flac,synthetic,dev,one,\n"
        "c.flac,bonafide,test,one,\n"
        "d.mp4,bonafide,dev,,1\n"
        "e.mp4,bonafide,dev,,0\n"
        "f.jpg,bonafide,dev,,\n",
        encoding="utf-8",
    )
    assert list(real_recordings(manifest, "dev")) == [
        ("one", tmp_path / "a.flac"),
        ("videos", tmp_path / "d.mp4"),
    ]


def test_each_finding_and_low_confidence_is_a_rate() -> None:
    judged = [Judged(frozenset({"AUDIO_NOISY"}), 0.5), Judged(frozenset(), 0.9)]
    line = rates_table({"one": judged}, load_policy()).splitlines()[2]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:2] == ["one", "2"]
    assert cells[2].startswith("0.0 %")
    assert cells[3].startswith("50.0 %")
    assert cells[6] == "0.70"
    assert cells[7].startswith("50.0 %")
