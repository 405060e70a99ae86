"""For each signal a capture made by code in which it fires, with what the layer says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType

import cv2
import numpy as np

from layers.capture.types import Capture, FloatArray, Image
from layers.vision import (
    blink_failure,
    boundary_artifacts,
    flat_rotation,
    mesh,
    mouth_anomaly,
    skin_tone_mismatch,
    teeth_rendering,
    temporal_instability,
    texture_smoothing,
)
from layers.vision.scene import prepare
from tests.layers.vision.vision_builders import (
    astronaut,
    capture_of,
    mixed,
    speech,
    still,
    turned,
)
from verdict.evidence import SignalCode, SignalResult
from verdict.policy import load_policy


def smoothed() -> Capture:
    """The face soft, all around it grain as of a sharper camera."""
    portrait = astronaut()
    grain = np.random.default_rng(4).normal(0, 9, portrait.image.shape)
    rough = np.clip(portrait.image + grain, 0, 255).astype(np.uint8)
    soft = np.asarray(cv2.GaussianBlur(portrait.image, (0, 0), 4.0), np.uint8)
    share = portrait.mask(mesh.OVAL).astype(np.float32)
    return still(portrait, mixed(rough, soft, share), n=3)


def blurred_teeth() -> Capture:
    """The inside of the lips softer than the eyes."""
    portrait = astronaut()
    soft = np.asarray(cv2.GaussianBlur(portrait.image, (0, 0), 4.0), np.uint8)
    share = portrait.mask(mesh.INNER_LIPS).astype(np.float32)
    return still(portrait, mixed(portrait.image, soft, share), n=3)


def seamed() -> Capture:
    """A tinted patch that ends 12 % inside the contour."""
    portrait = astronaut()
    oval = portrait.points[list(mesh.OVAL)]
    patch = mesh.hull_mask(portrait.image.shape, oval.mean(0) + 0.88 * (oval - oval.mean(0)))
    share = np.asarray(cv2.GaussianBlur(patch.astype(np.float32), (0, 0), 1.0), np.float32)
    tinted = _shifted(portrait.image, (0, 60, 60))
    return still(portrait, mixed(portrait.image, tinted, share), n=3)


def tinted_neck() -> Capture:
    """A neck in another colour than the face."""
    portrait = astronaut()
    below = (~portrait.mask(mesh.OVAL)).astype(np.float32)
    return still(portrait, mixed(portrait.image, _shifted(portrait.image, (-36, 0, 36)), below), 3)


def _shifted(image: Image, by: tuple[int, int, int]) -> Image:
    return np.asarray(np.clip(image.astype(float) + np.array(by), 0, 255), np.uint8)


def half_blink() -> Capture:
    """Eyes that close by a third, twice."""
    portrait = astronaut()
    openness = np.ones(50)
    for middle, deepest in ((12, 0.66), (36, 0.64)):
        openness[middle - 2 : middle + 3] = (0.83, 0.75, deepest, 0.75, 0.83)
    lids = [_with_lids(portrait.landmarks, float(o)) for o in openness]
    return capture_of([portrait.image] * 50, lids)


def _with_lids(landmarks: FloatArray, openness: float) -> FloatArray:
    moved = landmarks.copy()
    for eye in (mesh.EYE_LEFT, mesh.EYE_RIGHT):
        points = moved[list(eye)]
        middle = points[:, 1].mean()
        moved[list(eye), 1] = middle + openness * (points[:, 1] - middle)
    return moved


def silent_mouth() -> Capture:
    """Speech over a mouth that stays shut."""
    portrait = astronaut()
    shut = portrait.landmarks.copy()
    shut[14] = shut[13]
    return capture_of([portrait.image] * 50, [shut] * 50, audio=speech(2.0, (0.2, 1.8)))


def flat_turn() -> Capture:
    """A flat picture turned by 25 degrees."""
    return turned(0.0)


def trembling() -> Capture:
    """Points that jump from frame to frame."""
    portrait = astronaut()
    random = np.random.default_rng(3)
    shape = portrait.landmarks.shape
    moved = [
        (portrait.landmarks + random.normal(0, 1, shape)).astype(np.float32) for _ in range(24)
    ]
    return capture_of([portrait.image] * 24, moved, rate_hz=10)


FIRING: Mapping[SignalCode, tuple[ModuleType, Callable[[], Capture]]] = {
    SignalCode.BLINK_FAILURE: (blink_failure, half_blink),
    SignalCode.BOUNDARY_ARTIFACTS: (boundary_artifacts, seamed),
    SignalCode.FLAT_ROTATION: (flat_rotation, flat_turn),
    SignalCode.MOUTH_ANOMALY: (mouth_anomaly, silent_mouth),
    SignalCode.SKIN_TONE_MISMATCH: (skin_tone_mismatch, tinted_neck),
    SignalCode.TEETH_RENDERING: (teeth_rendering, blurred_teeth),
    SignalCode.TEMPORAL_INSTABILITY: (temporal_instability, trembling),
    SignalCode.TEXTURE_SMOOTHING: (texture_smoothing, smoothed),
}


@cache
def firing(code: SignalCode) -> tuple[Capture, SignalResult]:
    """Return the capture made for a signal, and the signal as measured on it."""
    module, make = FIRING[code]
    capture = make()
    signal = module.measure(prepare(capture), load_policy()).signal
    assert isinstance(signal, SignalResult)
    return capture, signal
