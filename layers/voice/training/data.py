"""Manifest rows and their waveforms; only rows that may ship reach the shipped weights."""

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from layers.capture.types import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class Row:
    """One recording of the manifest.

    Parameters
    ----------
    path : str
        Path relative to the manifest.
    bonafide : bool
        True for a recorded person, False for synthetic speech.
    generator, source, speaker : str
        Species of the attack, collection it came from, speaker label (may be empty).
    split : str
        ``train``, ``dev`` or ``test``.
    redistributable : bool
        True where the licence lets fitted weights ship.
    paired : bool
        True where the source put both classes through one pipeline.
    codec : str
        Codec of the original file.
    speaker_seen, generator_seen : bool
        True where train holds the same speaker or generator.
    """

    path: str
    bonafide: bool
    generator: str
    source: str
    speaker: str
    split: str
    redistributable: bool
    paired: bool
    codec: str
    speaker_seen: bool
    generator_seen: bool


def read_manifest(folder: Path) -> tuple[Row, ...]:
    """Read ``manifest.csv``, leaving out rows that are for the phrase check only."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as handle:
        return tuple(
            Row(
                path=record["path"],
                bonafide=record["label"] == "bonafide",
                generator=record["generator"],
                source=record["source"],
                speaker=record["speaker"],
                split=record["split"],
                redistributable=record["redistributable"] == "yes",
                paired=record["paired_pipeline"] == "1",
                codec=record["original_codec"],
                speaker_seen=record["speaker_in_train"] == "1",
                generator_seen=record["generator_in_train"] == "1",
            )
            for record in csv.DictReader(handle)
            if record["use"] != "phrase_only"
        )


def rows_digest(folder: Path, rows: Iterable[Row]) -> str:
    """SHA-256 over the rows used: path, label and the file's own SHA-256, in path order."""
    digest = hashlib.sha256()
    for row in sorted(rows, key=lambda row: row.path):
        content = hashlib.sha256((folder / row.path).read_bytes()).hexdigest()
        digest.update(f"{row.path},{int(row.bonafide)},{content}\n".encode())
    return digest.hexdigest()


def load_waveform(path: Path) -> npt.NDArray[np.float32]:
    """Decode one file to mono float32 at 16 kHz, shape ``(samples,)``."""
    chunks: list[npt.NDArray[np.float32]] = []
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE_HZ)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            chunks.extend(part.to_ndarray()[0] for part in resampler.resample(frame))
        chunks.extend(part.to_ndarray()[0] for part in resampler.resample(None))
    return np.concatenate(chunks).astype(np.float32)
