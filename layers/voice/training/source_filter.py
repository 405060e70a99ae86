"""Parametric vocoders: pitch, envelope and excitation estimated per frame and resynthesised."""

import numpy as np
import numpy.typing as npt
from scipy import linalg, signal

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.training.augment import Wave

Rng = np.random.Generator
_N_FFT = 1024
_HOP = 80


def _frames(wave: Wave) -> npt.NDArray[np.float64]:
    padded = np.pad(wave.astype(np.float64), (_N_FFT // 2, _N_FFT))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP]
    return windows[: len(wave) // _HOP + 1]


def _overlap_add(frames: npt.NDArray[np.float64], length: int) -> Wave:
    total = np.zeros(len(frames) * _HOP + 2 * _N_FFT)
    for index, frame in enumerate(frames):
        total[index * _HOP : index * _HOP + _N_FFT] += frame
    return total[_N_FFT // 2 : _N_FFT // 2 + length].astype(np.float32)


def track_pitch(wave: Wave) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Pitch in Hz (0 = unvoiced) and voicing strength per 5 ms frame, by autocorrelation."""
    frames = _frames(wave) * np.hanning(_N_FFT)
    power = np.abs(np.fft.rfft(frames, 2 * _N_FFT)) ** 2
    beyond = np.arange(power.shape[1]) >= 2 * _N_FFT * 1_200 // SAMPLE_RATE_HZ
    power = power * np.where(beyond, 0.05, 1.0)
    correlation = np.fft.irfft(power)[:, :_N_FFT]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(_N_FFT), 2 * _N_FFT)) ** 2)[:_N_FFT]
    correlation = correlation / (correlation[:, :1] + 1e-9) / np.maximum(window / window[0], 0.05)
    low, high = SAMPLE_RATE_HZ // 400, SAMPLE_RATE_HZ // 65
    lags = np.arange(low, high)
    scores = correlation[:, low:high] - 0.0005 * lags
    best = np.argmax(scores, axis=1)
    strength = np.clip(correlation[np.arange(len(best)), best + low], 0.0, 1.0)
    loud = correlation.shape[0] and np.square(frames).mean(1) > 1e-5 * np.square(frames).mean()
    pitch = np.where((strength > 0.55) & loud, SAMPLE_RATE_HZ / (best + low), 0.0)
    return signal.medfilt(pitch, 5), strength


def _envelope(wave: Wave, order: int, smooth: int) -> npt.NDArray[np.float64]:
    """Log magnitude envelope by cepstral truncation, optionally smoothed over time."""
    frames = _frames(wave) * np.hanning(_N_FFT)
    log = np.log(np.abs(np.fft.rfft(frames)) + 1e-5)
    cepstrum = np.fft.irfft(log)
    cepstrum[:, order : _N_FFT - order] = 0.0
    if smooth > 1:
        cepstrum = signal.convolve(cepstrum, np.ones((smooth, 1)) / smooth, mode="same")
    return np.fft.rfft(cepstrum).real


def _changed_pitch(pitch: npt.NDArray[np.float64], rng: Rng) -> npt.NDArray[np.float64]:
    voiced = pitch > 0.0
    if not voiced.any():
        return pitch
    mean = float(pitch[voiced].mean())
    kind = rng.random()
    if kind < 0.2:
        return np.where(voiced, mean + 0.3 * (pitch - mean), 0.0)
    if kind < 0.5:
        return pitch * float(rng.uniform(0.85, 1.2))
    return pitch


def source_filter(wave: Wave, rng: Rng) -> Wave:
    """Pulse and noise excitation through a smooth envelope (WORLD- and STRAIGHT-like)."""
    pitch, strength = track_pitch(wave)
    pitch = _changed_pitch(pitch, rng)
    order, smooth = int(rng.choice((24, 32, 48, 60))), int(rng.choice((1, 1, 4, 8)))
    envelope = _envelope(wave, order, smooth)
    length = len(pitch) * _HOP
    per_sample = np.repeat(pitch, _HOP)
    phase = np.cumsum(per_sample / SAMPLE_RATE_HZ)
    pulses = np.diff(np.floor(phase), prepend=0.0) > 0
    excitation = np.where(pulses, np.sqrt(SAMPLE_RATE_HZ / np.maximum(per_sample, 60.0)), 0.0)
    noise = rng.standard_normal(length)
    voiced_top = float(rng.uniform(2_000.0, 7_500.0))
    bins = np.fft.rfftfreq(_N_FFT, 1.0 / SAMPLE_RATE_HZ)
    share = 1.0 / (1.0 + np.exp((bins - voiced_top * strength[:, None]) / 400.0))
    share = np.where(pitch[:, None] > 0.0, share, 0.0)
    window = np.hanning(_N_FFT)
    pulse_spectrum = np.fft.rfft(_frames(excitation.astype(np.float32))[: len(pitch)] * window)
    noise_spectrum = np.fft.rfft(_frames(noise.astype(np.float32))[: len(pitch)] * window)
    count = min(len(pulse_spectrum), len(envelope), len(share))
    mixed = pulse_spectrum[:count] * np.sqrt(share[:count]) + noise_spectrum[:count] * np.sqrt(
        1.0 - share[:count]
    )
    gain = np.exp(envelope[:count])
    if rng.random() < 0.6:
        cepstrum = np.fft.irfft(envelope[:count])
        cepstrum[:, 1 : _N_FFT // 2] *= 2.0
        cepstrum[:, _N_FFT // 2 + 1 :] = 0.0
        gain = np.exp(np.fft.rfft(cepstrum))
    frames = np.fft.irfft(mixed * gain) * window
    return _matched(_overlap_add(frames, len(wave)), wave)


def harmonic_noise(wave: Wave, rng: Rng) -> Wave:
    """Sum of harmonics with envelope amplitudes plus filtered noise (DDSP-like)."""
    pitch, strength = track_pitch(wave)
    pitch = _changed_pitch(pitch, rng)
    envelope = _envelope(wave, int(rng.choice((32, 48, 60))), int(rng.choice((1, 4))))
    count = min(len(pitch), len(envelope))
    length = count * _HOP
    per_sample = np.interp(np.arange(length), np.arange(count) * _HOP, pitch[:count])
    voiced = np.repeat(pitch[:count] > 0.0, _HOP)
    phase = 2.0 * np.pi * np.cumsum(per_sample / SAMPLE_RATE_HZ)
    bins = np.arange(count)
    total = np.zeros(length)
    top_hz = float(rng.uniform(3_500.0, 7_800.0))
    for number in range(1, int(rng.integers(30, 70))):
        frequency = pitch[:count] * number
        inside = (frequency > 0.0) & (frequency < top_hz)
        if not inside.any():
            break
        position = np.clip(frequency * _N_FFT / SAMPLE_RATE_HZ, 0, _N_FFT // 2).astype(int)
        level = np.where(inside, np.exp(envelope[bins, position]), 0.0)
        total += np.interp(np.arange(length), bins * _HOP, level) * np.sin(number * phase)
    total *= voiced
    noise = rng.standard_normal(length).astype(np.float32)
    spectrum = np.fft.rfft(_frames(noise)[:count] * np.hanning(_N_FFT))
    rough = np.exp(envelope[:count]) * np.sqrt(np.clip(1.0 - strength[:count, None], 0.02, 1.0))
    hiss = _overlap_add(np.fft.irfft(spectrum * rough) * np.hanning(_N_FFT), length)
    hiss *= float(rng.uniform(0.5, 1.0)) / (np.std(hiss) + 1e-9) * np.std(wave) * 0.3
    made = total / (np.std(total) + 1e-9) * np.std(wave) + hiss
    return _matched(made[: len(wave)].astype(np.float32), wave)


def lpc_vocoder(wave: Wave, rng: Rng) -> Wave:
    """Linear prediction with a pulse, noise or coarsely quantised residual."""
    order = int(rng.choice((10, 16, 20, 28)))
    pitch, strength = track_pitch(wave)
    kind = int(rng.integers(0, 2))
    hop, size = 160, 480
    window = np.hanning(size)
    out = np.zeros(len(wave) + 2 * size)
    per_sample = np.repeat(pitch, _HOP)
    pulses = np.diff(np.floor(np.cumsum(per_sample / SAMPLE_RATE_HZ)), prepend=0.0) > 0
    noise = rng.standard_normal(len(wave) + size) * 0.3
    levels = float(rng.choice((1.0, 2.0, 3.0)))
    for start in range(0, len(wave) - size, hop):
        frame = wave[start : start + size] * window
        correlation = np.correlate(frame, frame, "full")[size - 1 : size + order].astype(float)
        correlation[0] = correlation[0] * 1.0001 + 1e-7
        solved = linalg.solve_toeplitz(correlation[:order], correlation[1 : order + 1])
        filter_taps = np.concatenate(([1.0], -solved))
        residual = signal.lfilter(filter_taps, 1.0, frame)
        scale = np.sqrt(np.mean(np.square(residual)) + 1e-12)
        if kind == 0:
            excited = np.round(residual / scale * levels / 2.0) / levels * 2.0 * window
        else:
            voicing = float(strength[min(start // _HOP, len(strength) - 1)])
            train = pulses[start : start + size].astype(float) * 8.0
            train = np.pad(train, (0, size - len(train)))
            excited = train * voicing + noise[start : start + size] * (2.0 - voicing)
            excited = excited * window
        excited = excited / (np.sqrt(np.mean(np.square(excited))) + 1e-9) * scale
        out[start : start + size] += signal.lfilter([1.0], filter_taps, excited)
    return _matched(out[: len(wave)].astype(np.float32), wave)


def _matched(made: Wave, wave: Wave) -> Wave:
    """Bring the resynthesis to the level of its original."""
    return (made * (np.std(wave) / (np.std(made) + 1e-9))).astype(np.float32)
