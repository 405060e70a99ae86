"""Which encoder is in force, by the policy: the bundled one or one from the models folder."""

from __future__ import annotations

from pathlib import Path

from layers.known_models import known_models
from layers.registry import ModelEntry, State, find
from layers.voice.speaker.ecapa import EcapaEncoder
from layers.voice.speaker.ge2e import Ge2eEncoder
from layers.voice.speaker.protocol import (
    EncoderMissingError,
    EncoderRefusedError,
    SpeakerEncoder,
)

GE2E, ECAPA = "ge2e", "ecapa"


def load_encoder(name: str, models_folder: Path | None = None) -> SpeakerEncoder:
    """Load the encoder of that name.

    Parameters
    ----------
    name
        The policy entry ``speaker.encoder``: ``ge2e`` or ``ecapa``.
    models_folder
        Holds ``spkrec-ecapa-voxceleb/``; the other encoder lies in a wheel.

    Raises
    ------
    EncoderMissingError
        When its weights are not on this machine; the message says how to get them.
    EncoderRefusedError
        When they are not what they should be.
    ValueError
        When there is no such encoder.
    """
    if name == GE2E:
        return _bundled(_entry("speaker-ge2e"))
    if name == ECAPA:
        return _from_folder(_entry("speaker-ecapa"), models_folder)
    msg = f"speaker.encoder must be '{GE2E}' or '{ECAPA}', got '{name}'"
    raise ValueError(msg)


def _bundled(entry: ModelEntry) -> SpeakerEncoder:
    found = find(entry)
    if found.path is None:
        msg = "the speaker encoder is not installed: pip install --no-deps resemblyzer==0.1.4"
        raise EncoderMissingError(msg)
    if found.state is not State.VERIFIED:
        msg = "the installed speaker encoder is not the registered one: install resemblyzer==0.1.4"
        raise EncoderRefusedError(msg)
    return Ge2eEncoder(found.path, entry.sha256)


def _from_folder(entry: ModelEntry, models_folder: Path | None) -> SpeakerEncoder:
    if models_folder is None:
        msg = f"speaker.encoder is 'ecapa': set BONAFIDE_MODELS_FOLDER to what holds {entry.file}"
        raise EncoderMissingError(msg)
    return EcapaEncoder((models_folder / entry.file).parent)


def _entry(name: str) -> ModelEntry:
    return next(entry for entry in known_models() if entry.name == name)
