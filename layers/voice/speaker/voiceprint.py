"""A voiceprint: the mean embedding of a recording, and how far it can be relied on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layers.capture.types import Audio, FloatArray
from layers.voice.quality import SpeechQuality
from layers.voice.speaker.protocol import SpeakerEncoder
from layers.voice.speaker.speech import speech_only
from verdict.policy import Policy


@dataclass(frozen=True, slots=True)
class Voiceprint:
    """What is kept of a voice.

    Parameters
    ----------
    embedding : float32 (dimensions,)
        Of length one.
    encoder, digest
        Which encoder made it; embeddings of two encoders can't be compared.
    stretches
        How many stretches of speech the embedding is the mean of.
    consistency
        Mean cosine of the recording's stretches with their mean: low when two people speak, or
        when noise does. 1 for a recording of one stretch.
    quality
        0-1, see `quality_of`.
    """

    embedding: FloatArray
    encoder: str
    digest: str
    stretches: int
    consistency: float
    quality: float


def voiceprint_of(
    audio: Audio, encoder: SpeakerEncoder, sound: SpeechQuality, policy: Policy
) -> Voiceprint:
    """Return the voiceprint of a recording in which somebody speaks.

    Raises
    ------
    ValueError
        When nobody does.
    """
    speech = speech_only(audio)
    if not len(speech):
        msg = "a voiceprint needs speech; record again and speak"
        raise ValueError(msg)
    partials = encoder.embed_partials(speech)
    mean = partials.mean(axis=0)
    embedding = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
    consistency = float(np.mean(partials @ embedding))
    quality = quality_of(consistency, sound, encoder.name, policy)
    return Voiceprint(embedding, encoder.name, encoder.digest, len(partials), consistency, quality)


def quality_of(consistency: float, sound: SpeechQuality, encoder: str, policy: Policy) -> float:
    """Return the quality of a voiceprint, 0-1: the product of three factors.

    Each rises in a straight line from its least value at ``low`` to 1 at ``full``: consistency of
    the stretches, seconds of speech, signal-to-noise ratio.
    """
    factors = (
        (consistency, f"{encoder}.consistency", "score"),
        (sound.speech_s, "quality.speech", "s"),
        (sound.snr_db, "quality.snr", "db"),
    )
    quality = 1.0
    for value, name, unit in factors:
        low = policy.number(f"speaker.{name}_low_{unit}")
        full = policy.number(f"speaker.{name}_full_{unit}")
        least = policy.number(f"speaker.{name}_least")
        quality *= least + (1 - least) * min(1.0, max(0.0, (value - low) / (full - low)))
    return round(quality, 3)
