"""Simulated replay: loudspeaker, room, microphone and a second codec. Nothing here was recorded.

A clip is compressed as it was stolen, played by a small loudspeaker, heard in a room at a distance,
recorded with a noise floor and sent through the browser's codec. Not simulated: automatic gain,
noise suppression, several loudspeakers, and the room in which the clip was stolen.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.training.augment import Wave, through_codec
from layers.voice.training.batch import coloured_noise

Rng = np.random.Generator
Floats = npt.NDArray[np.float64]

# Kuttruff, Room Acoustics: critical distance 0.057 sqrt(Q V / RT60) in metres, and 4 pi c^3 t^2 / V
# reflections per second after t seconds; Q = 2, a source before a wall or with its back closed.
_CRITICAL_M = 0.057
_DIRECTIVITY = 2.0
_SOUND_M_S = 343.0
_FIRST_REFLECTION_S = 0.002
_DECAY = np.log(1_000.0)  # amplitude after one RT60: 60 dB down
_EXCURSION_HZ = 2_500.0  # third harmonics of what lies below stay under 8 kHz
_KNOT_HZ = (60.0, 125.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0)
_OPEN_HZ = 7_900.0
# Samples that FFmpeg's AAC encoder puts first; a bare stream has nowhere to say so.
_AAC_PRIMING = 1_024


@dataclass(frozen=True, slots=True)
class Codec:
    """What ``through_codec`` wants: encoder, container, rate and bit rate."""

    encoder: str
    container: str
    rate_hz: int
    bit_rate: int


@dataclass(frozen=True, slots=True)
class Loudspeaker:
    """What plays.

    Parameters
    ----------
    low_hz, high_hz : float
        Edges at -3 dB; from 7,900 Hz on there is no upper edge.
    order : int
        Order of the lower edge: 2 for a closed box, 4 for a vented one.
    harmonic_share : float
        Amplitude of the second and of the third harmonic of a full-scale tone below 2.5 kHz, as a
        share of that tone.
    """

    low_hz: float
    high_hz: float
    order: int
    harmonic_share: float


@dataclass(frozen=True, slots=True)
class Chain:
    """One way from a file to a recording.

    Parameters
    ----------
    loudspeaker : Loudspeaker or None
        None for a person who speaks in that room: the control that a replay cue must not flag.
    rt60_s, volume_m3, distance_m : float
        The room, and how far the microphone is.
    colour_db : float
        The microphone's response stays within plus or minus this.
    snr_db : float
        Speech to noise floor.
    stolen_as, sent_as : Codec or None
        Compression before the loudspeaker and after the microphone.
    """

    loudspeaker: Loudspeaker | None
    rt60_s: float
    volume_m3: float
    distance_m: float
    colour_db: float
    snr_db: float
    stolen_as: Codec | None = None
    sent_as: Codec | None = None

    @property
    def direct_to_reverberant_db(self) -> float:
        """Direct sound against everything that walls return."""
        critical_m = _CRITICAL_M * np.sqrt(_DIRECTIVITY * self.volume_m3 / self.rt60_s)
        return float(20.0 * np.log10(critical_m / self.distance_m))


_CODECS = (
    *(Codec("libopus", "ogg", 48_000, bit_rate) for bit_rate in (24_000, 32_000, 64_000)),
    *(Codec("aac", "adts", 44_100, bit_rate) for bit_rate in (64_000, 96_000)),
)


def draw_loudspeaker(rng: Rng) -> Loudspeaker:
    """Draw a phone (half), a laptop or tablet (a third) or a hi-fi loudspeaker.

    References
    ----------
    Chang and Wang 2018, J. Mechanics: a tablet's microspeaker starts at 630 Hz, at 300 Hz with a
    port. Wang et al. 2020, Computer Speech and Language 64 (ASVspoof 2019), 40 measured devices:
    600 Hz parts good from bad. Upper edges and distortion (1-6 % of each harmonic small, below
    1 % hi-fi) are placeholders.
    """
    kind = rng.random()
    if kind < 0.5:
        low_hz, high_hz, share = (400.0, 900.0), (6_000.0, 9_000.0), (0.01, 0.06)
    elif kind < 0.83:
        low_hz, high_hz, share = (180.0, 450.0), (6_500.0, 10_000.0), (0.005, 0.03)
    else:
        low_hz, high_hz, share = (45.0, 120.0), (9_000.0, 16_000.0), (0.001, 0.01)
    return Loudspeaker(
        low_hz=float(np.exp(rng.uniform(*np.log(low_hz)))),
        high_hz=float(rng.uniform(*high_hz)),
        order=int(rng.choice((2, 4))),
        harmonic_share=float(rng.uniform(*share)),
    )


def draw_chain(rng: Rng) -> Chain:
    """Draw a chain.

    References
    ----------
    Wang et al. 2020: RT60 0.05-1 s, 0.1-1.5 m to the microphone, rooms of
    2-20 m2 (5-50 m3). ANSI S3.5-1997: normal voice 62 dB SPL at 1 m, so rooms of
    25-45 dB give 15-40 dB at the distances here. Microphone colour and bit rates are placeholders.
    """
    return Chain(
        loudspeaker=draw_loudspeaker(rng),
        rt60_s=float(rng.uniform(0.1, 0.8)),
        volume_m3=float(rng.uniform(10.0, 60.0)),
        distance_m=float(np.exp(rng.uniform(np.log(0.1), np.log(1.5)))),
        colour_db=float(rng.uniform(0.0, 4.0)),
        snr_db=float(rng.uniform(15.0, 40.0)),
        stolen_as=_CODECS[int(rng.integers(len(_CODECS)))] if rng.random() < 0.5 else None,
        sent_as=_CODECS[int(rng.integers(len(_CODECS)))] if rng.random() < 0.8 else None,
    )


def played(wave: Wave, loudspeaker: Loudspeaker) -> Wave:
    """Pass a clip through a loudspeaker: harmonics of the low part, then the band."""
    peak = float(np.max(np.abs(wave))) + 1e-9
    sections = signal.butter(4, _EXCURSION_HZ, fs=SAMPLE_RATE_HZ, output="sos")
    moved = signal.sosfilt(sections, wave / peak)
    bent = np.square(moved) - np.mean(np.square(moved)) - 2.0 * moved**3
    # cos^2 and cos^3 hold 1/2 and 1/4 of their amplitude in the second and third harmonic.
    made = wave + 2.0 * loudspeaker.harmonic_share * peak * bent
    order, low_hz = loudspeaker.order, loudspeaker.low_hz
    low = signal.butter(order, low_hz, "high", fs=SAMPLE_RATE_HZ, output="sos")
    made = signal.sosfilt(low, made)
    if loudspeaker.high_hz < _OPEN_HZ:
        high = signal.butter(4, loudspeaker.high_hz, fs=SAMPLE_RATE_HZ, output="sos")
        made = signal.sosfilt(high, made)
    return np.asarray(made, dtype=np.float32)


def room_impulse(chain: Chain, rng: Rng) -> Floats:
    """Impulse response: direct sound 1 at time 0, then reflections that grow dense as they decay.

    The energy of the reflections is exactly that of ``direct_to_reverberant_db``.
    """
    length = round(chain.rt60_s * SAMPLE_RATE_HZ)
    t_s = np.arange(length) / SAMPLE_RATE_HZ
    per_second = 4.0 * np.pi * _SOUND_M_S**3 * np.square(t_s) / chain.volume_m3
    chance = np.clip(per_second / SAMPLE_RATE_HZ, 1e-9, 1.0)
    tail = np.where(rng.random(length) < chance, rng.standard_normal(length), 0.0)
    tail *= np.exp(-_DECAY * t_s / chain.rt60_s) / np.sqrt(chance)
    tail[: round(_FIRST_REFLECTION_S * SAMPLE_RATE_HZ)] = 0.0
    energy = 10.0 ** (-chain.direct_to_reverberant_db / 10.0)
    tail *= np.sqrt(energy / (np.sum(np.square(tail)) + 1e-12))
    tail[0] = 1.0
    return tail


def _heard(wave: Wave, chain: Chain, rng: Rng) -> Wave:
    """Room, microphone and noise floor."""
    room = room_impulse(chain, rng)
    size = fft.next_fast_len(len(wave) + len(room), real=True)
    frequency = np.maximum(np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE_HZ), 1.0)
    level_db = rng.uniform(-chain.colour_db, chain.colour_db, len(_KNOT_HZ))
    colour = 10.0 ** (np.interp(np.log(frequency), np.log(_KNOT_HZ), level_db) / 20.0)
    spectrum = fft.rfft(wave, size) * fft.rfft(room.astype(np.float32), size) * colour
    heard = fft.irfft(spectrum.astype(np.complex64), size)[: len(wave)]
    noise = coloured_noise(rng, fft.next_fast_len(len(wave), real=True))[: len(wave)]
    floor = noise * np.std(heard) * 10.0 ** (-chain.snr_db / 20.0)
    return np.asarray(heard + floor, dtype=np.float32)


def _coded(wave: Wave, codec: Codec | None) -> Wave:
    if codec is None:
        return wave
    made = through_codec(wave, codec.encoder, codec.container, codec.rate_hz, codec.bit_rate)
    if codec.encoder == "aac":
        made = made[round(_AAC_PRIMING * SAMPLE_RATE_HZ / codec.rate_hz) :]
    return np.pad(made, (0, max(0, len(wave) - len(made))))[: len(wave)]


def _at_level(made: Wave, like: Wave) -> Wave:
    """Give a clip the RMS of another: loudness shall tell nothing."""
    gain = float(np.std(like)) / (float(np.std(made)) + 1e-9)
    return np.asarray(np.clip(made * gain, -1.0, 1.0), dtype=np.float32)


def through_chain(wave: Wave, chain: Chain, rng: Rng) -> Wave:
    """Send a clip through a chain with known parameters.

    Parameters
    ----------
    wave : float32 (N,)
        Mono at 16 kHz.
    rng : numpy.random.Generator
        Draws the reflections, the microphone's colour and the noise.

    Returns
    -------
    float32 (N,)
        At the RMS of the input, within [-1, 1].
    """
    made = _coded(wave, chain.stolen_as)
    if chain.loudspeaker is not None:
        made = played(made, chain.loudspeaker)
    made = _at_level(_heard(made, chain, rng), wave)
    return _at_level(_coded(made, chain.sent_as), wave)


def replay(wave: Wave, rng: Rng, coded: bool = True) -> Wave:
    """Replay a clip through a random chain; the same clip and seed give the same recording.

    Parameters
    ----------
    coded : bool
        False leaves out both codecs, which take most of the time: for use beside
        ``augment.channel_variant``, which has its own.
    """
    chain = draw_chain(rng)
    if not coded:
        chain = replace(chain, stolen_as=None, sent_as=None)
    return through_chain(wave, chain, rng)
