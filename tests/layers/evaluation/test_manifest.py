"""The manifest: which rows are measured, and what is said when it can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from layers.evaluation.manifest import ManifestError, read_manifest, rows_for
from verdict.evidence import LayerName


def _manifest(folder: Path, text: str) -> Path:
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_two_columns_are_enough(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, "path,label\na/b.wav,bonafide\nc.wav,vocoder\n")
    genuine, attack = rows_for(LayerName.VOICE, manifest)
    assert genuine.file == tmp_path / "a" / "b.wav"
    assert (genuine.path, genuine.is_attack) == ("a/b.wav", False)
    assert (attack.is_attack, attack.species) == (True, "vocoder")


def test_the_species_is_the_generator(tmp_path: Path) -> None:
    text = "path,label,generator,source\na.mp4,faceswap,inswapper,pages\n"
    (row,) = rows_for(LayerName.VISION, _manifest(tmp_path, text))
    assert (row.species, row.source) == ("inswapper", "pages")


def test_digit_strings_are_left_out_of_voice_only(tmp_path: Path) -> None:
    text = "path,label,use\na.wav,bonafide,phrase_only\nb.wav,bonafide,spoof+phrase\n"
    manifest = _manifest(tmp_path, text)
    assert [row.path for row in rows_for(LayerName.VOICE, manifest)] == ["b.wav"]
    assert len(rows_for(LayerName.VISION, manifest)) == 2


def test_photos_are_left_out_of_liveness_only(tmp_path: Path) -> None:
    manifest = _manifest(tmp_path, "path,label\na.JPG,bonafide\nb.png,composite\nc.webm,bonafide\n")
    assert [row.path for row in rows_for(LayerName.LIVENESS, manifest)] == ["c.webm"]
    assert len(rows_for(LayerName.VISION, manifest)) == 3


def test_split_and_any_other_column_choose_rows(tmp_path: Path) -> None:
    text = "path,label,split,paired\na,bonafide,dev,1\nb,bonafide,dev,0\nc,bonafide,test,1\n"
    where = {"split": "dev", "paired": "1"}
    assert [row["path"] for row in read_manifest(_manifest(tmp_path, text), where)] == ["a"]


def test_a_byte_order_mark_is_not_part_of_the_first_column(tmp_path: Path) -> None:
    assert read_manifest(_manifest(tmp_path, "\ufeffpath,label\na,bonafide\n"))[0]["path"] == "a"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("file,label\na,bonafide\n", {}, "has no column path"),
        ("path,label\na,bonafide\n", {"split": "dev"}, "has no column split"),
        ("path,label,split\na,bonafide,dev\n", {"split": "test"}, "no row with split=test"),
        ("", {}, "has no column path, label"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, text: str, where: dict[str, str], message: str
) -> None:
    with pytest.raises(ManifestError, match=message):
        rows_for(LayerName.VOICE, _manifest(tmp_path, text), where)


def test_a_file_that_is_no_table_is_said(tmp_path: Path) -> None:
    binary = tmp_path / "clip.mp4"
    binary.write_bytes(b"\x00\xff\xfe\x80")
    for path in (binary, tmp_path / "missing.csv", tmp_path):
        with pytest.raises(ManifestError, match="can't be read"):
            read_manifest(path)
