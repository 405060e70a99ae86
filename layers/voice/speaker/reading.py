"""One recording of one person: what the voice layer says of it, and its voiceprint."""

from __future__ import annotations

from dataclasses import dataclass

from layers.capture.types import Audio, Capture
from layers.voice.analyse import analyse
from layers.voice.models import VoiceModels
from layers.voice.quality import SpeechQuality, measure_quality
from layers.voice.speaker.protocol import SpeakerEncoder
from layers.voice.speaker.voiceprint import Voiceprint, voiceprint_of
from verdict.measurement import QualityFinding
from verdict.policy import Policy
from verdict.voice_evidence import VoiceResult

_RATE_HINT = "Record at 16 kHz or more: a telephone line's 8 kHz are not enough."
_LENGTH_HINT = "Speak for five seconds or more, without long pauses."
_TOO_LONG_HINT = "Send a minute or less: five seconds of speech are enough."


@dataclass(frozen=True, slots=True)
class VoiceReading:
    """What is known of one recording.

    Parameters
    ----------
    voice
        The voice layer's result, the same that an analysis of the recording gives.
    """

    voice: VoiceResult
    voiceprint: Voiceprint
    sound: SpeechQuality
    rate_hz: int
    duration_s: float


def audio_findings(
    audio: Audio | None, minimum_speech_s: float, policy: Policy
) -> tuple[QualityFinding, ...]:
    """Name what refuses a recording: its rate, too little speech, its length; empty when fine."""
    rate_hz = 0 if audio is None else audio.original_rate_hz
    speech_s = 0.0 if audio is None else audio.speech_s
    duration_s = 0.0 if audio is None else round(audio.duration_s, 2)
    longest_s = policy.number("speaker.audio.maximum_s")
    too_low = (
        ("AUDIO_RATE_TOO_LOW", rate_hz, policy.number("speaker.audio.minimum_rate_hz"), _RATE_HINT),
        ("SPEECH_TOO_SHORT", round(speech_s, 2), minimum_speech_s, _LENGTH_HINT),
    )
    found = [one for one in too_low if one[1] < one[2]]
    if duration_s > longest_s:
        found.append(("RECORDING_TOO_LONG", duration_s, longest_s, _TOO_LONG_HINT))
    return tuple(
        QualityFinding(code, value, limit, hint, refuses=True) for code, value, limit, hint in found
    )


def read_voice(
    capture: Capture, policy: Policy, models: VoiceModels, encoder: SpeakerEncoder
) -> VoiceReading:
    """Score a recording for synthetic speech and take its voiceprint.

    Raises
    ------
    ValueError
        When nobody speaks in it.
    """
    audio = capture.audio
    if audio is None:
        msg = "a voiceprint needs sound; record with the microphone on"
        raise ValueError(msg)
    sound = measure_quality(audio)
    return VoiceReading(
        voice=analyse(capture, policy, models),
        voiceprint=voiceprint_of(audio, encoder, sound, policy),
        sound=sound,
        rate_hz=audio.original_rate_hz,
        duration_s=audio.duration_s,
    )
