"""Sounds heard freely: phone probabilities over time, from the network in hama's wheel.

The network (CTC, 20 ms steps, 4.7 MB) writes IPA; the dictionary writes ARPABET. What they share
is the English phones of `PHONES`; everything else that the network knows is heard as no phone.
"""

# ruff: noqa: RUF001 - IPA has letters that look like Latin ones
from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from layers.capture.types import SAMPLE_RATE_HZ, FloatArray
from layers.registry import file_digest
from layers.voice.pronunciation import Phones

# ARPABET and the signs that the network writes for it: its own first, near variants after.
_SIGNS = {
    "AA": "ɑ ɔ a ɒ",
    "AE": "æ a",
    "AH": "ʌ ə ɐ",
    "AO": "ɔ ɑ ɒ",
    "AW": "aʊ",
    "AY": "aɪ",
    "B": "b",
    "CH": "t͡ʃ",
    "D": "d ɾ",
    "DH": "ð",
    "EH": "ɛ e",
    "ER": "ɝ ɚ ɜ",
    "EY": "eɪ e",
    "F": "f",
    "G": "g ɡ",
    "HH": "h",
    "IH": "ɪ",
    "IY": "i",
    "JH": "d͡ʒ",
    "K": "k",
    "L": "l ɫ",
    "M": "m ɱ",
    "N": "n",
    "NG": "ŋ",
    "OW": "oʊ o",
    "OY": "ɔɪ",
    "P": "p",
    "R": "ɹ r",
    "S": "s",
    "SH": "ʃ",
    "T": "t ɾ ʔ",
    "TH": "θ",
    "UH": "ʊ",
    "UW": "u",
    "V": "v",
    "W": "w",
    "Y": "j",
    "Z": "z",
    "ZH": "ʒ",
}
PHONES = tuple(_SIGNS)
SILENCE = len(PHONES)  # the last column: blank, word border, pause
_SILENT_SIGNS = ("<blank>", "<wb>", " ")

_WEIGHTS = Path("assets") / "asr_waveform.hama"
_PEAK = 0.7
_PAUSE_S = 0.4  # without a pause before it, the network loses a word's first sound


class PhoneModel:
    """The network, loaded once.

    Raises
    ------
    ModuleNotFoundError
        When hama is not installed.
    """

    def __init__(self) -> None:
        from hama import ASRModel

        self._session = ASRModel().session
        signs = {sign: index for index, sign in enumerate(_network_signs())}
        self._columns = [
            [signs[sign] for sign in written.split() if sign in signs]
            for written in _SIGNS.values()
        ]
        self._columns.append([signs[sign] for sign in _SILENT_SIGNS])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights."""
        return file_digest(_folder() / _WEIGHTS)

    def probabilities(self, samples: FloatArray, dither_db: float | None = None) -> FloatArray:
        """Return how likely each phone is at each step.

        Parameters
        ----------
        samples : float32 (N,)
            Mono at 16 kHz, trimmed to the speech.
        dither_db
            Level of added noise under the speech, the same every time; none when not given.

        Returns
        -------
        float32 (T, 40)
            Columns in the order of `PHONES`, then silence; T is one step per 20 ms.
        """
        sound = _levelled(samples, dither_db)
        lengths = np.array([len(sound)], dtype=np.int64)
        found, steps = self._session.run(
            ["log_probs", "out_lengths"], {"waveform": sound[None], "waveform_lengths": lengths}
        )
        likely = np.exp(found[0, : int(steps[0])])
        summed = [likely[:, columns].sum(axis=1) for columns in self._columns]
        return np.asarray(np.stack(summed, axis=1), dtype=np.float32)


def free_phones(probabilities: FloatArray) -> Phones:
    """Return the phones heard with no word in mind: the best of each step, repeats as one."""
    best = probabilities.argmax(axis=1)
    changes = best[np.flatnonzero(np.diff(best, prepend=-1))]
    return tuple(PHONES[label] for label in changes if label != SILENCE)


def _levelled(samples: FloatArray, dither_db: float | None) -> FloatArray:
    pause = np.zeros(round(_PAUSE_S * SAMPLE_RATE_HZ), dtype=np.float32)
    peak = float(np.abs(samples).max(initial=0.0))
    sound = np.concatenate((pause, samples * (_PEAK / max(peak, 1e-6)), pause))
    if dither_db is None:
        return np.asarray(sound, dtype=np.float32)
    rms = float(np.sqrt(np.mean(np.square(sound))))
    noise = np.random.default_rng(0).standard_normal(len(sound))
    return np.asarray(sound + noise * (rms * 10 ** (dither_db / 20)), dtype=np.float32)


def _network_signs() -> list[str]:
    from hama import Vocabulary

    return [*Vocabulary.load(None).decoder, "<wb>", "<blank>"]


def _folder() -> Path:
    spec = find_spec("hama")
    if spec is None or spec.origin is None:
        msg = "hama is not installed; run 'make install' again"
        raise ModuleNotFoundError(msg)
    return Path(spec.origin).parent
