"""The manifest: one labelled recording per row, paths relative to the manifest's own folder."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from verdict.evidence import LayerName

BONA_FIDE = "bonafide"
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_REQUIRED = ("path", "label")


class ManifestError(ValueError):
    """A manifest that can't be used; the message says what to change."""


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One labelled recording.

    Parameters
    ----------
    path
        As the manifest writes it.
    file
        Where it lies.
    source
        Collection it comes from; empty where the manifest does not say.
    codec
        Codec of the original file; empty where the manifest does not say.
    is_paired
        Whether the source put both classes through one pipeline.
    is_speaker_new, is_generator_new
        Whether the manifest says that its split ``train`` has no such speaker or generator.
    """

    path: str
    file: Path
    label: str
    generator: str = ""
    source: str = ""
    codec: str = ""
    is_paired: bool = False
    is_speaker_new: bool = False
    is_generator_new: bool = False

    @property
    def is_attack(self) -> bool:
        """Whether the label is anything but bona fide."""
        return self.label != BONA_FIDE

    @property
    def species(self) -> str:
        """The attack species: the generator, or the label where none is named."""
        return self.generator or self.label

    @property
    def is_photo(self) -> bool:
        """Whether it is a single picture, by its name."""
        return self.file.suffix.lower() in IMAGE_SUFFIXES


def read_manifest(
    manifest: Path, where: Mapping[str, str] | None = None
) -> list[Mapping[str, str]]:
    """Return the manifest's rows as they stand, those that match `where`.

    Parameters
    ----------
    where
        Column and the value it must have, for example ``{"split": "dev"}``.

    Raises
    ------
    ManifestError
        When the file is no such table, or lacks a column that is needed.
    """
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restval="")
            columns = list(reader.fieldnames or ())
            rows = [{key: value.strip() for key, value in row.items() if key} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{manifest}: can't be read as a CSV file: {error}"
        raise ManifestError(msg) from None
    conditions = dict(where or {})
    missing = [name for name in (*_REQUIRED, *conditions) if name not in columns]
    if missing:
        msg = f"{manifest}: has no column {', '.join(missing)} (it has: {', '.join(columns)})"
        raise ManifestError(msg)
    return [row for row in rows if all(row[name] == value for name, value in conditions.items())]


def rows_for(
    layer: LayerName, manifest: Path, where: Mapping[str, str] | None = None
) -> list[ManifestRow]:
    """Return the recordings on which `layer` is measured.

    Digit strings joined from single digits (``use=phrase_only``) say nothing about synthetic
    speech, and a photo can neither blink nor turn.

    Raises
    ------
    ManifestError
        When the manifest can't be used or no row is left.
    """
    rows = [
        ManifestRow(
            path=row["path"],
            file=manifest.parent / row["path"],
            label=row["label"],
            generator=row.get("generator", ""),
            source=row.get("source", ""),
            codec=row.get("original_codec", ""),
            is_paired=row.get("paired_pipeline") == "1",
            is_speaker_new=row.get("speaker_in_train") == "0",
            is_generator_new=row.get("generator_in_train") == "0",
        )
        for row in read_manifest(manifest, where)
        if not (layer is LayerName.VOICE and row.get("use") == "phrase_only")
    ]
    kept = [row for row in rows if not (layer is LayerName.LIVENESS and row.is_photo)]
    if not kept:
        wanted = "".join(f" with {name}={value}" for name, value in (where or {}).items())
        msg = f"{manifest}: has no row{wanted} to measure {layer} on"
        raise ManifestError(msg)
    return kept
