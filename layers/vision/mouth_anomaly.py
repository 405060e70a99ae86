"""MOUTH_ANOMALY: someone speaks and the mouth on screen does not visibly open.

Definition: opening = distance of the inner lips (landmarks 13, 14) over face width, less its 10th
percentile in the recording (lips of that person, closed). The stillness of a clip is minus the
90th percentile of the opening over frames within speech (allowing 0.25 s of offset between sound
and picture), in face widths. In a capture with SPEAK frames their widest opening counts.

Source: disagreement of mouth shape and sound, Agarwal et al., "Detecting Deep-Fake Videos from
Phoneme-Viseme Mismatches", CVPRW 2020 (the mouth must close for M, B, P; here the coarser and more
robust half: it must open for vowels).

Limits: needs speech of the person in the picture; a voice-over makes a real clip look anomalous.
A lip-sync forgery opens the mouth in time with the sound and passes: the correlation of opening
and loudness is reported and feeds the learned risk, but fires nothing by itself.
"""

from __future__ import annotations

import numpy as np

from layers.capture.types import Audio, Capture, FloatArray, Step, TimeArray
from layers.vision import mesh
from layers.vision.reading import Reading, Strength, judge
from layers.vision.scene import Scene
from verdict.evidence import Measurement, SignalCode
from verdict.policy import Policy

UPPER_LIP, LOWER_LIP = 13, 14
MIN_SPEECH_S = 0.5
MIN_FRAMES = 4
SLACK_S = 0.25
LAGS_S = np.arange(-0.24, 0.25, 0.04)


def measure(scene: Scene, policy: Policy) -> Reading:
    """Measure the mouth while there is speech."""
    capture = scene.capture
    opening = mouth_opening(capture)
    strength = _stillness(capture, opening)
    match, lag = correlation(capture, opening)
    return judge(
        SignalCode.MOUTH_ANOMALY,
        strength,
        policy,
        region="inner lips, against the speech on the sound track",
        extra=(
            Measurement("opening_loudness_correlation", match),
            Measurement("opening_loudness_lag_s", lag),
        ),
        features={"mouth_stillness": strength.value, "mouth_sync": match},
    )


def mouth_opening(capture: Capture) -> FloatArray:
    """(T,) distance of the inner lips in face widths; NaN without a face."""
    points = capture.track.landmarks[..., :2]
    gap = np.linalg.norm(points[:, UPPER_LIP] - points[:, LOWER_LIP], axis=-1)
    opening: FloatArray = gap / mesh.face_width(points)
    return opening


def _stillness(capture: Capture, opening: FloatArray) -> Strength:
    name = "mouth_stillness_face_widths"
    speaking = capture.track.at_step(Step.SPEAK)
    if len(speaking) and (capture.audio is None or capture.audio.speech_s > 0):
        known = [int(i) for i in speaking if np.isfinite(opening[i])]
        if known:
            widest = max(known, key=lambda i: float(opening[i]))
            return Strength(name, -float(opening[widest] - _closed(opening)), tuple(known))
    if capture.audio is None or capture.audio.speech_s < MIN_SPEECH_S:
        return Strength(name, None, reason="no speech on the sound track")
    during = in_speech(capture.track.t_s, capture.audio) & np.isfinite(opening)
    if during.sum() < MIN_FRAMES:
        return Strength(name, None, reason="fewer than four frames with a face during speech")
    rows = np.flatnonzero(during)
    open_px = float(np.percentile(opening[during], 90) - _closed(opening))
    return Strength(name, -open_px, tuple(int(i) for i in rows[:: max(1, len(rows) // 8)]))


def _closed(opening: FloatArray) -> float:
    return float(np.nanpercentile(opening, 10))


def in_speech(times: TimeArray, audio: Audio) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(T,) whether speech sounds within a quarter of a second of each time."""
    inside = np.zeros(len(times), bool)
    for start, end in audio.speech:
        begin, stop = start + audio.offset_s - SLACK_S, end + audio.offset_s + SLACK_S
        inside |= (times >= begin) & (times <= stop)
    return inside


def correlation(capture: Capture, opening: FloatArray) -> tuple[float | None, float | None]:
    """Best correlation of mouth opening with loudness over small lags, and that lag."""
    audio = capture.audio
    times = capture.track.t_s
    if audio is None or audio.speech_s < MIN_SPEECH_S or len(audio.energy_db) < 2:
        return None, None
    known = np.isfinite(opening) & in_speech(times, audio)
    if known.sum() < 15 or np.std(opening[known]) < 1e-6:
        return None, None
    clock = audio.offset_s + audio.energy_hop_s * np.arange(len(audio.energy_db))
    best, best_lag = -1.0, 0.0
    for lag in LAGS_S:
        loud = np.interp(times[known] + lag, clock, audio.energy_db)
        if np.std(loud) > 1e-6:
            value = float(np.corrcoef(loud, opening[known])[0, 1])
            if value > best:
                best, best_lag = value, float(lag)
    return best, best_lag
