"""Simulated voice conversion: another vocal tract and pitch, then a vocoder. No network is in it.

Neural conversion also changes timing and articulation; this does not, and says so by its name.
"""

from collections.abc import Callable

import numpy as np

from layers.voice.training.augment import Wave, change_speed
from layers.voice.training.source_filter import harmonic_noise, source_filter
from layers.voice.training.synthesis import griffin_lim, mel_phase_noise, pitch_shift

Rng = np.random.Generator

# Adult vocal tracts are 13 to 18 cm long (Fitch and Giedd 1999, JASA 106, 1511-1522): from one
# voice to another, formants move by up to a fifth; below 6 % nobody would call it another voice.
_TRACT_RATIO = (1.06, 1.2)

RESYNTHESES: tuple[Callable[[Wave, Rng], Wave], ...] = (
    source_filter,
    harmonic_noise,
    griffin_lim,
    mel_phase_noise,
    pitch_shift,
)


def convert(wave: Wave, rng: Rng) -> Wave:
    """Turn a clip into another voice by a random amount and a random vocoder.

    Parameters
    ----------
    wave : float32 (N,)
        Mono at 16 kHz.
    rng : numpy.random.Generator
        Draws the vocal tract's ratio, its direction, and the vocoder.

    Returns
    -------
    float32 (M,)
        Formants moved by the ratio, pitch by the ratio and what the vocoder adds; as much longer
        or shorter as the ratio says. Peak within 0.95.
    """
    ratio = float(rng.uniform(*_TRACT_RATIO))
    if rng.random() < 0.5:
        ratio = 1.0 / ratio
    resynthesis = RESYNTHESES[int(rng.integers(len(RESYNTHESES)))]
    return converted(wave, ratio, resynthesis, rng)


def converted(
    wave: Wave, tract_ratio: float, resynthesis: Callable[[Wave, Rng], Wave], rng: Rng
) -> Wave:
    """Turn a clip into another voice by a known amount and vocoder."""
    made = resynthesis(change_speed(wave, tract_ratio), rng)
    peak = float(np.max(np.abs(made))) + 1e-9
    return np.asarray(made * min(1.0, 0.95 / peak), dtype=np.float32)
