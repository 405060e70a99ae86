"""Self-made attacks: real speech taken apart and put together again by many small vocoders."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from scipy import signal

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.training.augment import Wave, change_speed, resample
from layers.voice.training.source_filter import harmonic_noise, lpc_vocoder, source_filter

Rng = np.random.Generator


def mel_matrix(bands: int, n_fft: int, rate_hz: int, top_hz: float) -> npt.NDArray[np.float32]:
    """Triangular mel filters (HTK scale), shape ``(bands, n_fft // 2 + 1)``."""
    top = 2595.0 * np.log10(1.0 + top_hz / 700.0)
    edges = 700.0 * (10.0 ** (np.linspace(0.0, top, bands + 2) / 2595.0) - 1.0)
    bins = np.arange(n_fft // 2 + 1) * rate_hz / n_fft
    rising = (bins - edges[:-2, None]) / (edges[1:-1, None] - edges[:-2, None])
    falling = (edges[2:, None] - bins) / (edges[2:, None] - edges[1:-1, None])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)), dtype=np.float32)


def _stft(wave: Wave, n_fft: int, hop: int) -> torch.Tensor:
    window = torch.hann_window(n_fft)
    return torch.stft(
        torch.from_numpy(wave), n_fft, hop, window=window, return_complex=True, pad_mode="constant"
    )


def _istft(spectrum: torch.Tensor, n_fft: int, hop: int, length: int) -> torch.Tensor:
    return torch.istft(spectrum, n_fft, hop, window=torch.hann_window(n_fft), length=length)


def _through_mel(magnitude: torch.Tensor, rate_hz: int, n_fft: int, rng: Rng) -> torch.Tensor:
    """Magnitude after a mel bottleneck, optionally smoothed, coarse or low-rank as models give."""
    bands = int(rng.choice((40, 64, 80, 80, 100, 128)))
    top_hz = float(rng.choice((7_600.0, 8_000.0, rate_hz / 2)))
    matrix = torch.from_numpy(mel_matrix(bands, n_fft, rate_hz, min(top_hz, rate_hz / 2)))
    log_mel = torch.log(matrix @ magnitude + 1e-5)
    kind = rng.random()
    if kind < 0.25:
        width = int(rng.choice((3, 5)))
        kernel = torch.ones(1, 1, width) / width
        log_mel = torch.nn.functional.conv1d(log_mel[:, None], kernel, padding=width // 2)[:, 0]
    elif kind < 0.45:
        rank = min(int(rng.integers(10, 32)), min(log_mel.shape) - 1)
        mean = log_mel.mean(1, keepdim=True)
        left, values, right = torch.linalg.svd(log_mel - mean, full_matrices=False)
        log_mel = mean + (left[:, :rank] * values[:rank]) @ right[:rank]
    elif kind < 0.6:
        step = float(rng.uniform(0.3, 1.0))
        log_mel = torch.round(log_mel / step) * step
    elif kind < 0.7:
        log_mel = log_mel + 0.3 * torch.from_numpy(
            rng.standard_normal(tuple(log_mel.shape)).astype(np.float32)
        )
    inverse = torch.linalg.pinv(matrix)
    return torch.clamp(inverse @ torch.exp(log_mel), min=1e-5)


def griffin_lim(wave: Wave, rng: Rng) -> Wave:
    """Mel or linear magnitude, phase by (fast) Griffin-Lim (Perraudin et al., 2013)."""
    rate_hz = int(rng.choice((16_000, 22_050, 24_000)))
    source = resample(wave, SAMPLE_RATE_HZ, rate_hz)
    n_fft = int(rng.choice((512, 1024, 1024, 2048)))
    hop = n_fft // int(rng.choice((4, 4, 8)))
    magnitude = _stft(source, n_fft, hop).abs()
    if rng.random() < 0.75:
        magnitude = _through_mel(magnitude, rate_hz, n_fft, rng)
    start = rng.uniform(-np.pi, np.pi, tuple(magnitude.shape)).astype(np.float32)
    angles = torch.polar(torch.ones_like(magnitude), torch.from_numpy(start))
    previous = torch.zeros_like(angles)
    momentum = float(rng.choice((0.0, 0.5, 0.99)))
    for _ in range(int(rng.choice((2, 6, 12, 24)))):
        estimate = _istft(magnitude * angles, n_fft, hop, len(source))
        rebuilt = _stft(estimate.numpy(), n_fft, hop)
        angles = rebuilt - (momentum / (1.0 + momentum)) * previous
        angles = angles / (angles.abs() + 1e-9)
        previous = rebuilt
    return resample(_istft(magnitude * angles, n_fft, hop, len(source)).numpy(), rate_hz, 16_000)


def mel_phase_noise(wave: Wave, rng: Rng) -> Wave:
    """Model-like magnitude with the true phase, blurred more the higher the frequency."""
    rate_hz = int(rng.choice((16_000, 22_050, 24_000)))
    source = resample(wave, SAMPLE_RATE_HZ, rate_hz)
    n_fft = int(rng.choice((512, 1024)))
    hop = n_fft // 4
    spectrum = _stft(source, n_fft, hop)
    magnitude = _through_mel(spectrum.abs(), rate_hz, n_fft, rng)
    mix = float(rng.uniform(0.5, 1.0))
    magnitude = torch.exp(
        mix * torch.log(magnitude) + (1.0 - mix) * torch.log(spectrum.abs() + 1e-5)
    )
    ramp = torch.linspace(0.0, 1.0, magnitude.shape[0])[:, None] ** float(rng.uniform(0.3, 2.0))
    noise = torch.from_numpy(rng.standard_normal(tuple(magnitude.shape)).astype(np.float32))
    phase = spectrum.angle() + noise * ramp * float(rng.uniform(0.3, 3.0))
    rebuilt = _istft(torch.polar(magnitude, phase), n_fft, hop, len(source))
    return resample(rebuilt.numpy(), rate_hz, SAMPLE_RATE_HZ)


def upsampling_images(wave: Wave, rng: Rng) -> Wave:
    """What transposed convolutions leave: spectral images and hop-periodic gain patterns."""
    factor = int(rng.choice((2, 4)))
    low = signal.resample_poly(wave, 1, factor)
    up = np.zeros(len(low) * factor, dtype=np.float32)
    up[::factor] = low * factor
    taps = signal.firwin(int(rng.choice((5, 9, 17))), 1.0 / factor)
    imaged = signal.lfilter(taps, 1.0, up)[: len(wave)].astype(np.float32)
    original = wave[: len(imaged)]
    split_hz = 8_000.0 / factor * float(rng.uniform(0.8, 1.0))
    sections = signal.butter(6, split_hz, "high", fs=SAMPLE_RATE_HZ, output="sos")
    mix = float(rng.uniform(0.5, 1.0))
    high = signal.sosfiltfilt(sections, imaged) * mix
    kept = original - signal.sosfiltfilt(sections, original) * float(rng.uniform(0.6, 1.0))
    period = int(rng.choice((8, 16, 64, 128, 186, 256)))
    pattern = 1.0 + float(rng.uniform(0.0, 0.15)) * rng.standard_normal(period)
    gain = np.tile(pattern, len(original) // period + 1)[: len(original)]
    return np.asarray((kept + high) * gain, dtype=np.float32)


def pitch_shift(wave: Wave, rng: Rng) -> Wave:
    """Conversion by phase vocoder: pitch and formants moved, duration kept."""
    factor = float(rng.choice((-1.0, 1.0))) * float(rng.uniform(0.08, 0.3))
    speed = 2.0**factor
    n_fft = int(rng.choice((512, 1024)))
    hop = n_fft // 4
    spectrum = _stft(change_speed(wave, speed), n_fft, hop)
    steps = np.arange(0.0, spectrum.shape[1] - 1, 1.0 / speed)
    index = torch.from_numpy(steps.astype(np.int64))
    part = torch.from_numpy((steps % 1.0).astype(np.float32))
    magnitude = (1.0 - part) * spectrum.abs()[:, index] + part * spectrum.abs()[:, index + 1]
    turn = torch.linspace(0.0, np.pi * hop, spectrum.shape[0])[:, None]
    change = spectrum.angle()[:, index + 1] - spectrum.angle()[:, index] - turn
    change = change - 2.0 * np.pi * torch.round(change / (2.0 * np.pi)) + turn
    phase = torch.cumsum(change, 1) - change + spectrum.angle()[:, :1]
    return _istft(torch.polar(magnitude, phase), n_fft, hop, len(wave)).numpy()


VOCODERS: tuple[tuple[str, Callable[[Wave, Rng], Wave], float], ...] = (
    ("griffin_lim", griffin_lim, 0.2),
    ("mel_phase_noise", mel_phase_noise, 0.25),
    ("upsampling_images", upsampling_images, 0.1),
    ("pitch_shift", pitch_shift, 0.05),
    ("source_filter", source_filter, 0.2),
    ("harmonic_noise", harmonic_noise, 0.12),
    ("lpc_vocoder", lpc_vocoder, 0.08),
)


def copy_synthesis(wave: Wave, rng: Rng) -> tuple[str, Wave]:
    """One randomly drawn vocoder over one real clip: its name and the attack."""
    weights = np.array([weight for _, _, weight in VOCODERS])
    name, vocoder, _ = VOCODERS[int(rng.choice(len(VOCODERS), p=weights / weights.sum()))]
    made = vocoder(wave, rng)
    peak = float(np.max(np.abs(made))) + 1e-9
    return name, (made * min(1.0, 0.95 / peak)).astype(np.float32)
