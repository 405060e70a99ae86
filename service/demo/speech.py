"""The asked words in a synthesiser's voice, joined from the recordings in fixtures/."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import av
import numpy as np

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
_GAP_S = 0.16
_MARGIN_S = 0.25


class SpeechError(RuntimeError):
    """The words can't be said; the message says what to do."""


def speak_words(phrase: str) -> FloatArray:
    """Return the words of `phrase`, spoken: mono at 16 kHz.

    Raises
    ------
    SpeechError
        When the recordings are missing or don't hold a word.
    """
    sound, index = FIXTURES / "words.flac", FIXTURES / "words.json"
    if not sound.exists() or not index.exists():
        msg = f"there is no {sound}: run the demo from a checkout of the project"
        raise SpeechError(msg)
    places = json.loads(index.read_text(encoding="utf-8"))["words"]
    words = phrase.lower().split()
    missing = [word for word in words if word not in places]
    if missing:
        msg = f"no recording of {', '.join(missing)}: run fixtures/make_words.py again"
        raise SpeechError(msg)
    samples = _decode(sound)
    margin = np.zeros(round(_MARGIN_S * SAMPLE_RATE_HZ), dtype=np.float32)
    gap = np.zeros(round(_GAP_S * SAMPLE_RATE_HZ), dtype=np.float32)
    parts = [margin]
    for word in words:
        start, end = places[word]
        parts += [samples[start:end], gap]
    return np.concatenate((*parts, margin))


def write_wav(samples: FloatArray, path: Path) -> None:
    """Write 16-bit mono at 16 kHz."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE_HZ)
        sound.writeframes(np.round(samples * 32767).astype(np.int16).tobytes())


def _decode(path: Path) -> FloatArray:
    with av.open(str(path)) as container:
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.asarray(np.concatenate(blocks, axis=1)[0] / 32768.0, dtype=np.float32)
