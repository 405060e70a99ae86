"""Lip-sync: does the mouth move with the loudness of the speech, at which lag, and how surely.

Definition: the distances of the outer lips (landmarks 0, 17) and from nose to chin (1, 152) over
the face width, and the amplitude of the sound, are brought to 50 values a second and limited to
2-7 Hz, the rate of syllables; below lie nods and sentence melody, which go with any sound. The
normalised cross-correlation, averaged over the two distances, is taken at lags within half a
second. Its best value at a tolerated lag decides; the lag is positive where the mouth leads.

Sources: correlation of mouth and acoustic envelope at 2-7 Hz, and the mouth's lead of 0.1-0.3 s,
Chandrasekaran et al., PLOS Computational Biology 5(7), 2009; matched against shifted audio,
Chung and Zisserman, "Out of Time", ACCV 2016.

Limits: loudness says little of lip shape (real speech reaches 0.25-0.65). Less than about four
seconds of speech or fewer than 14 frames a second can't tell anything. A good lip-sync forgery and
a talking head driven by the sound are in sync; a voice-over of a real person is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfiltfilt

from layers.capture.types import Audio, Capture
from layers.vision import mesh
from layers.vision.reading import logistic
from verdict.policy import Policy

Floats = npt.NDArray[np.float64]

RATE_HZ: Final = 50
LAG_S: Final = 0.5
BAND_HZ: Final = (2.0, 7.0)  # Chandrasekaran et al., 2009
OUTER_LIPS: Final = (0, 17)
NOSE_TO_CHIN: Final = (mesh.NOSE_TIP, mesh.CHIN)
MOUTH_CORNERS: Final = (61, 291)
# The band needs two frames for its fastest cycle.
LEAST_FPS: Final = 2 * BAND_HZ[1]
LEAST_FACE_SHARE: Final = 0.8
# Movement below this, in face widths, is the tracker's own trembling: a mouth that stands still.
STILL_WIDTHS: Final = 5e-4
# Audio shifted by less than this may still overlap the right place.
NEAREST_SHIFT_S: Final = 1.0
_MARGIN_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class LipSync:
    """What the mouth and the sound have in common.

    Parameters
    ----------
    correlation
        Best at a tolerated lag; None where not measured, then `reason` says why.
    lag_s, lag_correlation
        Best lag within half a second and the correlation there; positive: the mouth leads.
    sharpness
        `correlation` less the median of what shifted audio of the same clip reaches.
    beats_shifted
        Share of the shifted tracks that reach less than the true one.
    confidence
        0-1: how much speech there is and how large the mouth is.
    still
        Whether the mouth stands still: nothing to correlate.
    frames
        Track rows that it rests on, from `start_s` to `end_s` of the capture.
    """

    correlation: float | None = None
    lag_s: float | None = None
    lag_correlation: float | None = None
    sharpness: float | None = None
    beats_shifted: float | None = None
    confidence: float = 0.0
    still: bool = False
    frames: tuple[int, ...] = ()
    start_s: float = 0.0
    end_s: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Mouth (M, n) and loudness (n,), band-limited, at common times."""

    mouth: Floats
    loudness: Floats
    frames: tuple[int, ...]
    start_s: float
    end_s: float


def measure(capture: Capture, policy: Policy) -> LipSync:
    """Compare mouth and sound over the speech of a capture."""
    audio = capture.audio
    if audio is None or not audio.speech:
        return LipSync(reason="no speech on the sound track")
    least_s = policy.number("vision.lip_sync.speech_low_s")
    if audio.speech_s <= least_s:
        return LipSync(reason=f"{audio.speech_s:.1f} s of speech: {least_s:g} s are needed")
    taken = _stretch(capture, audio)
    if isinstance(taken, str):
        return LipSync(reason=taken)
    where = (taken.frames, taken.start_s, taken.end_s)
    sure = confidence(capture, audio, taken.frames, policy)
    if float(taken.mouth.std(axis=1).max()) < STILL_WIDTHS:
        reason = "the mouth stands still"
        return LipSync(None, None, None, None, None, sure, True, *where, reason)
    lags, curve = correlation_curve(taken.mouth, taken.loudness)
    middle = len(lags) // 2
    reach = min(round(policy.number("vision.lip_sync.tolerated_lag_s") * RATE_HZ), middle)
    tolerated = slice(middle - reach, middle + reach + 1)
    own = best(lags[tolerated], curve[tolerated])[1]
    lag_s, highest = best(lags, curve)
    shifted = shifted_audio(taken.mouth, taken.loudness, reach)
    if not len(shifted):
        return LipSync(reason="the speech is too short to compare with itself shifted")
    sharp, beats = own - float(np.median(shifted)), float(np.mean(shifted < own))
    return LipSync(own, lag_s, highest, sharp, beats, sure, False, *where)


def p_attack(sync: LipSync, policy: Policy) -> float | None:
    """Return the probability that the sound is not of this mouth; None where not measured.

    1/2 falls on the threshold with full confidence; less confidence takes it towards 0.
    """
    if sync.correlation is None:
        return None
    threshold, spread = (policy.number(f"vision.lip_sync.{n}") for n in ("threshold", "spread"))
    return sync.confidence * logistic((threshold - sync.correlation) / spread)


def correlation_curve(mouth: Floats, loudness: Floats) -> tuple[Floats, Floats]:
    """Return lags within half a second and the correlation at each, averaged over the rows.

    Parameters
    ----------
    mouth : float64 (M, n)
        Band-limited distances; a row that does not move counts as uncorrelated.
    loudness : float64 (n,)
        Band-limited, at the same times. At lag l, `mouth` at t meets `loudness` at t + l.
    """
    n = len(loudness)
    reach = round(LAG_S * RATE_HZ)
    curve = np.zeros(2 * reach + 1)
    for place, lag in enumerate(range(-reach, reach + 1)):
        first, last = max(0, -lag), min(n, n - lag)
        sound = loudness[first + lag : last + lag]
        rows = mouth[:, first:last] - mouth[:, first:last].mean(axis=1, keepdims=True)
        sound = sound - sound.mean()
        scale = np.sqrt((rows**2).sum(axis=1) * (sound**2).sum())
        curve[place] = float(np.mean(rows @ sound / np.maximum(scale, 1e-12)))
    return np.arange(-reach, reach + 1) / RATE_HZ, curve


def best(lags: Floats, curve: Floats) -> tuple[float, float]:
    """Return lag and height of the highest point; a parabola puts it between two values."""
    top = int(np.argmax(curve))
    if not 0 < top < len(curve) - 1:
        return float(lags[top]), float(curve[top])
    before, here, after = curve[top - 1 : top + 2]
    bend = before - 2 * here + after
    step = 0.0 if bend >= 0 else 0.5 * (before - after) / bend
    height = here - 0.25 * (before - after) * step
    return float(lags[top] + step * (lags[1] - lags[0])), float(height)


def shifted_audio(mouth: Floats, loudness: Floats, lags: int) -> Floats:
    """Return what the sound reaches when it is shifted round by 1 s or more.

    Parameters
    ----------
    lags
        For each shift the best of this many lags to either side counts, as for the true sound.

    Returns
    -------
    float64 (S,)
        One value for each shift; empty where the clip is shorter than two shifts.
    """
    n = len(loudness)
    rows = mouth - mouth.mean(axis=1, keepdims=True)
    sound = loudness - loudness.mean()
    scale = np.sqrt((rows**2).sum(axis=1, keepdims=True) * (sound**2).sum())
    spectra = np.fft.rfft(sound) * np.conj(np.fft.rfft(rows / np.maximum(scale, 1e-12)))
    around = np.fft.irfft(spectra, n).mean(axis=0)
    nearest = round(NEAREST_SHIFT_S * RATE_HZ) - lags
    far = around[nearest : n - nearest]
    if len(far) < 2 * lags + 1:
        return np.zeros(0)
    shifted: Floats = np.lib.stride_tricks.sliding_window_view(far, 2 * lags + 1).max(axis=-1)
    return shifted


def confidence(capture: Capture, audio: Audio, frames: tuple[int, ...], policy: Policy) -> float:
    """Return 0-1: a ramp over the seconds of speech times one over the width of the mouth."""
    corners = capture.track.landmarks[list(frames)][:, list(MOUTH_CORNERS), :2]
    mouth_px = float(np.median(np.linalg.norm(corners[:, 0] - corners[:, 1], axis=-1)))
    factors = (
        _ramp(audio.speech_s, policy, "speech_low_s", "speech_high_s"),
        _ramp(mouth_px, policy, "mouth_low_px", "mouth_high_px"),
    )
    return float(np.prod(factors))


def band_limited(values: Floats) -> Floats:
    """Return the rows limited to 2-7 Hz without a phase shift (Butterworth, both ways)."""
    sections = butter(2, BAND_HZ, "bandpass", fs=RATE_HZ, output="sos")
    return np.asarray(sosfiltfilt(sections, values, axis=-1), np.float64)


def _ramp(value: float, policy: Policy, low: str, high: str) -> float:
    at, full = (policy.number(f"vision.lip_sync.{name}") for name in (low, high))
    return float(np.clip((value - at) / (full - at), 0.0, 1.0))


def _stretch(capture: Capture, audio: Audio) -> _Stretch | str:
    """Bring mouth and sound to common times, from the first to the last speech; or say why not."""
    clock = audio.offset_s + audio.energy_hop_s * np.arange(len(audio.energy_db))
    times, distances = _distances(capture)
    order = np.argsort(times, kind="stable")
    order = order[np.isfinite(times[order])]
    start = max(times[order[0]], clock[0], audio.offset_s + audio.speech[0][0] - _MARGIN_S)
    end = min(times[order[-1]], clock[-1], audio.offset_s + audio.speech[-1][1] + _MARGIN_S)
    inside = order[(times[order] >= start) & (times[order] <= end)]
    seen = inside[np.isfinite(distances[0, inside])]
    if end - start < 2 * NEAREST_SHIFT_S or len(seen) < 2:
        return "sound and picture share less than two seconds of speech"
    if len(seen) < LEAST_FACE_SHARE * len(inside):
        return "the face is missing on more than a fifth of the frames during speech"
    rate = (len(seen) - 1) / max(times[seen[-1]] - times[seen[0]], 1e-9)
    if rate < LEAST_FPS:
        return f"{rate:.0f} frames a second: {LEAST_FPS:g} are needed to follow syllables"
    grid = np.arange(start, end, 1 / RATE_HZ)
    mouth = np.stack([np.interp(grid, times[seen], row[seen]) for row in distances])
    amplitude = 10.0 ** (np.interp(grid, clock, audio.energy_db) / 20)
    frames = tuple(int(row) for row in seen)
    return _Stretch(band_limited(mouth), band_limited(amplitude), frames, start, end)


def _distances(capture: Capture) -> tuple[Floats, Floats]:
    points = capture.track.landmarks[..., :2].astype(np.float64)
    width = mesh.face_width(capture.track.landmarks)
    pairs = (OUTER_LIPS, NOSE_TO_CHIN)
    return capture.track.t_s, np.stack(
        [np.linalg.norm(points[:, a] - points[:, b], axis=-1) / width for a, b in pairs]
    )
