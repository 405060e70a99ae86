"""Detectors by name: where their files lie, what their digests are, and loading them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from layers.known_models import known_models
from layers.registry import State, find
from layers.voice.detector.classifier_folder import FOLDER_SETTING, read_folder
from layers.voice.detector.combined import AASIST, EMBEDDED, TRANSFORMERS
from layers.voice.detector.errors import DetectorFilesError
from layers.voice.protocol import SpeechDetector


@dataclass(frozen=True, slots=True)
class DetectorFiles:
    """Where a deployment keeps the detectors that the project does not ship.

    Parameters
    ----------
    models_folder
        Holds ``aasist/AASIST.pth`` and ``aasist/AASIST-L.pth``.
    classifier_folder
        A transformers model folder.
    bona_fide_label
        Name of its bona fide class, where the model's own labels don't tell.
    """

    models_folder: Path | None = None
    classifier_folder: Path | None = None
    bona_fide_label: str | None = None


def load_detector(name: str, files: DetectorFiles) -> SpeechDetector:
    """Load one detector.

    Raises
    ------
    DetectorFilesError
        When its files are missing, altered or of another kind.
    """
    # Imported here: torch takes seconds, and asking for a digest does not need it.
    if name == EMBEDDED:
        from layers.voice.detector.embedded import EmbeddedDetector

        return EmbeddedDetector()
    if name == TRANSFORMERS:
        from layers.voice.detector.transformers_classifier import TransformersDetector

        return TransformersDetector(_classifier_folder(files), files.bona_fide_label)
    from layers.voice.detector.aasist import FULL, LIGHT, AasistDetector

    return AasistDetector(_found(name, files)[0], FULL if name == AASIST else LIGHT)


def digest_of(name: str, files: DetectorFiles) -> str:
    """Return the SHA-256 of a detector's weights as they lie here, without loading them.

    Raises
    ------
    DetectorFilesError
        When its files are missing, altered or of another kind.
    """
    if name == TRANSFORMERS:
        return read_folder(_classifier_folder(files), files.bona_fide_label).digest
    return _found(name, files)[1]


def _found(name: str, files: DetectorFiles) -> tuple[Path, str]:
    """Return path and digest of a registered detector."""
    entry = next((one for one in known_models() if one.name == name), None)
    if entry is None:
        msg = f"there is no voice detector '{name}' in the registry; see `bonafide models`"
        raise DetectorFilesError(msg)
    found = find(entry, files.models_folder)
    if found.path is None:
        msg = f"the voice detector '{name}' is not here: {entry.install or entry.source}"
        raise DetectorFilesError(msg)
    if found.state is State.REFUSED:
        msg = f"{found.path}: not the file registered as '{name}'; get it from {entry.source}"
        raise DetectorFilesError(msg)
    return found.path, found.digest


def _classifier_folder(files: DetectorFiles) -> Path:
    if files.classifier_folder is None:
        msg = f"no transformers detector is given; set {FOLDER_SETTING} to its folder"
        raise DetectorFilesError(msg)
    return files.classifier_folder
