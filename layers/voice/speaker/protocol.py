"""What a speaker encoder is, whoever trained it, and why one can't be used.

SpeakerEncoderError
├── EncoderMissingError    no weights on this machine
└── EncoderRefusedError    weights that are not the ones registered, or not of this network
"""

from __future__ import annotations

from typing import Protocol

from layers.capture.types import FloatArray


class SpeakerEncoderError(RuntimeError):
    """There is no speaker encoder to use; the message says what to install."""


class EncoderMissingError(SpeakerEncoderError):
    """No weights were found."""


class EncoderRefusedError(SpeakerEncoderError):
    """A file that is not what it should be."""


class SpeakerEncoder(Protocol):
    """Maps mono float32 speech at 16 kHz to embeddings of length one."""

    @property
    def name(self) -> str:
        """Name of its calibration in the policy: ``ge2e`` or ``ecapa``."""

    @property
    def digest(self) -> str:
        """SHA-256 of the weights; only embeddings of the same digest can be compared."""

    def embed_partials(self, speech: FloatArray) -> FloatArray:
        """Return float32 (partials, dimensions): one embedding per stretch, at least one."""
