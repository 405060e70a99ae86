"""What is drawn afresh for every batch: rooms, noise, filters, non-linearity, polarity."""

import numpy as np
import numpy.typing as npt
import torch

from layers.capture.types import SAMPLE_RATE_HZ

Rng = np.random.Generator


def room_response(rng: Rng, length: int) -> npt.NDArray[np.float32]:
    """Exponentially decaying noise after a direct path: a room of random size and distance."""
    decay_s = float(rng.uniform(0.1, 0.8))
    t_s = np.arange(length) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(length) * np.exp(-6.9 * t_s / decay_s)
    gap = int(rng.integers(20, 400))
    tail[:gap] = 0.0
    direct_to_tail_db = float(rng.uniform(-2.0, 15.0))
    tail *= 10.0 ** (-direct_to_tail_db / 20.0) / (np.sqrt(np.sum(tail**2)) + 1e-9)
    tail[0] = 1.0
    return np.asarray(tail, dtype=np.float32)


def coloured_noise(rng: Rng, length: int) -> npt.NDArray[np.float32]:
    """White to brown noise, unit variance."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    slope = float(rng.uniform(0.0, 1.0))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** (-slope)
    noise = np.fft.irfft(spectrum, length)
    return np.asarray(noise / (np.std(noise) + 1e-9), dtype=np.float32)


def channel_response(rng: Rng, bins: int) -> npt.NDArray[np.float32]:
    """Smooth random magnitude response of a microphone or loudspeaker."""
    knots = int(rng.integers(4, 12))
    level_db = rng.uniform(-8.0, 8.0, knots)
    curve = np.interp(np.linspace(0, knots - 1, bins), np.arange(knots), level_db)
    return np.asarray(10.0 ** (curve / 20.0), dtype=np.float32)


def roughen(waves: torch.Tensor, rng: Rng, strength: float, rooms: float) -> torch.Tensor:
    """Roughen a batch of waveforms, each clip by its own draw.

    Parameters
    ----------
    waves : torch.Tensor, shape (batch, samples)
        Waveforms.
    rng : numpy.random.Generator
        Source of every draw.
    strength : float
        Scales the probability of each step.
    rooms : float
        Probability of a simulated room at strength 1.

    Returns
    -------
    torch.Tensor, shape (batch, samples)
        Level-normalised waveforms.
    """
    count, samples = waves.shape
    waves = waves / (waves.std(1, keepdim=True) + 1e-6)
    size = 2 * samples
    response = np.ones((count, samples + 1), dtype=np.complex64)
    for index in range(count):
        if rng.random() < rooms * strength:
            room = room_response(rng, SAMPLE_RATE_HZ // 2)
            response[index] *= np.fft.rfft(room, size)
        if rng.random() < 0.5 * strength:
            response[index] *= channel_response(rng, samples + 1)
    spectrum = torch.fft.rfft(waves, size) * torch.from_numpy(response)
    waves = torch.fft.irfft(spectrum, size)[:, :samples]
    waves = waves / (waves.std(1, keepdim=True) + 1e-6)
    for index in range(count):
        if rng.random() < 0.15 * strength:
            drive = float(rng.uniform(0.5, 3.0))
            waves[index] = torch.tanh(waves[index] * drive / 3.0)
        draw = rng.random()
        if draw < 0.4 * strength:
            level = 10.0 ** (-float(rng.uniform(8.0, 40.0)) / 20.0)
            noise = torch.from_numpy(coloured_noise(rng, samples))
            waves[index] = waves[index] / (waves[index].std() + 1e-6) + level * noise
        elif draw < 0.48 * strength:
            other = waves[int(rng.integers(0, count))]
            level = 10.0 ** (-float(rng.uniform(12.0, 30.0)) / 20.0)
            waves[index] = waves[index] + level * other.roll(int(rng.integers(0, samples)))
        if rng.random() < 0.5:
            waves[index] = -waves[index]
    return waves
