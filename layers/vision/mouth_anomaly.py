"""MOUTH_ANOMALY: someone speaks and the mouth on screen does not visibly open.

Definition: opening = distance of the inner lips (landmarks 13, 14) over face width, less its 10th
percentile in the recording (lips of that person, closed). The stillness of a clip is minus the
90th percentile of the opening over frames within speech (allowing 0.25 s of offset between sound
and picture), in face widths. In a capture with SPEAK frames their widest opening counts.

Source: disagreement of mouth shape and sound, Agarwal et al., "Detecting Deep-Fake Videos from
Phoneme-Viseme Mismatches", CVPRW 2020 (the mouth must close for M, B, P; here the coarser and more
robust half: it must open for vowels).

A mouth that does open, but not with the sound, shows in `lip_sync`: the larger of the two
probabilities is the signal's, the second weighed by the policy (`vision.lip_sync.weight`).

Limits: needs speech of the person in the picture; a voice-over makes a real clip look anomalous.
A lip-sync forgery opens the mouth in time with the sound and passes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from layers.capture.types import Audio, Capture, FloatArray, Step, TimeArray
from layers.vision import lip_sync, mesh
from layers.vision.reading import Reading, Strength, judge
from layers.vision.scene import Scene
from verdict.evidence import SignalCode, SignalResult
from verdict.measurement import Measurement
from verdict.policy import Policy

UPPER_LIP, LOWER_LIP = 13, 14
MIN_SPEECH_S = 0.5
MIN_FRAMES = 4
SLACK_S = 0.25
REPORTED_FRAMES = 8


def measure(scene: Scene, policy: Policy) -> Reading:
    """Measure the mouth while there is speech."""
    capture = scene.capture
    opening = mouth_opening(capture)
    strength = _stillness(capture, opening)
    sync = lip_sync.measure(capture, policy)
    opened = judge(
        SignalCode.MOUTH_ANOMALY,
        strength,
        policy,
        region="inner lips, against the speech on the sound track",
        extra=_measurements(sync, policy),
        features={"mouth_stillness": strength.value, "mouth_sync": sync.correlation},
    )
    return replace(opened, signal=_with_lip_sync(opened.signal, sync, policy))


def _with_lip_sync(signal: SignalResult, sync: lip_sync.LipSync, policy: Policy) -> SignalResult:
    """Let the lip-sync speak where it says more than the opening of the mouth."""
    p_sync = lip_sync.p_attack(sync, policy)
    if p_sync is None:
        return signal
    p_attack = policy.number("vision.lip_sync.weight") * p_sync
    if signal.p_attack is not None and signal.p_attack >= p_attack:
        return signal
    fired = p_attack >= 0.5
    return replace(
        signal,
        fired=fired,
        p_attack=p_attack,
        frames=_some(sync.frames),
        region="outer lips and chin, against the loudness of the sound track",
        reason="the mouth does not move with the sound" if fired else "",
    )


def _measurements(sync: lip_sync.LipSync, policy: Policy) -> tuple[Measurement, ...]:
    frames = _some(sync.frames)
    span = f"{sync.start_s:.2f}-{sync.end_s:.2f} s of the capture"
    limit = policy.number("vision.lip_sync.threshold")
    return (
        Measurement("lip_sync_correlation", sync.correlation, limit, frames, sync.reason or span),
        Measurement("lip_sync_lag_s", sync.lag_s, note="positive: the mouth leads the sound"),
        Measurement("lip_sync_lag_correlation", sync.lag_correlation),
        Measurement("lip_sync_sharpness", sync.sharpness, note="above the sound shifted in time"),
        Measurement("lip_sync_beats_shifted_share", sync.beats_shifted),
        Measurement("lip_sync_confidence", sync.confidence),
    )


def _some(frames: tuple[int, ...]) -> tuple[int, ...]:
    return frames[:: max(1, len(frames) // REPORTED_FRAMES)]


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
    return Strength(name, -open_px, _some(tuple(int(i) for i in rows)))


def _closed(opening: FloatArray) -> float:
    return float(np.nanpercentile(opening, 10))


def in_speech(times: TimeArray, audio: Audio) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(T,) whether speech sounds within a quarter of a second of each time."""
    inside = np.zeros(len(times), bool)
    for start, end in audio.speech:
        begin, stop = start + audio.offset_s - SLACK_S, end + audio.offset_s + SLACK_S
        inside |= (times >= begin) & (times <= stop)
    return inside
