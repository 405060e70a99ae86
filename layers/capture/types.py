"""The Capture: what was recorded, frozen, with shapes checked on construction.

Image coordinates are pixels of the stored image, x to the right, y down. Yaw is positive when
the nose points to the right edge of the image; a person who turns to their own left in an
unmirrored picture therefore has positive yaw. Pitch is positive upwards, roll clockwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from layers.capture.arrays import BoolArray, FloatArray, Image, IntArray, TimeArray
from layers.capture.challenge import Challenge, Prompt, Step
from layers.capture.sensor import SensorFigures
from layers.capture.source import Device, MediaKind, Source
from verdict.measurement import QualityFinding

__all__ = [
    "N_LANDMARKS",
    "SAMPLE_RATE_HZ",
    "THUMB_SHAPE",
    "Audio",
    "BoolArray",
    "Capture",
    "Challenge",
    "Device",
    "FaceTrack",
    "FloatArray",
    "Image",
    "IntArray",
    "MediaKind",
    "Prompt",
    "SensorFigures",
    "Source",
    "Step",
    "TimeArray",
]

N_LANDMARKS = 478
SAMPLE_RATE_HZ = 16_000
THUMB_SHAPE = (48, 64)


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """One row per frame, for every frame, also those whose pixels were not kept.

    Parameters
    ----------
    t_s
        (T,) capture times in seconds, as the source declared them: not necessarily sorted.
    steps
        T steps, None where the frame belongs to no step.
    received_s
        (T,) seconds on the server's clock at which each frame arrived, NaN when not known.
    n_faces
        (T,) number of faces seen; the track follows the largest.
    landmarks
        (T, 478, 3) x, y in pixels and z in the same scale; NaN rows without a face.
    yaw_deg, pitch_deg, roll_deg
        (T,) head pose, NaN without a face.
    ear
        (T, 2) eye aspect ratio, the image-left eye first; NaN without a face.
    mar
        (T,) inner-lip mouth aspect ratio; NaN without a face.
    thumbs
        (T, 48, 64) grey thumbnails, for repeated and frozen frames.
    brightness, sharpness
        (T,) mean grey 0-255 and variance of the Laplacian, of the face box (whole image without
        a face).
    contrast
        (T, 3) contrast of the image-left eye, the image-right eye and the mouth, over the grey of
        the face; NaN without a face, None where no pixels were looked at.
    """

    t_s: TimeArray
    steps: tuple[Step | None, ...]
    received_s: TimeArray
    n_faces: IntArray
    landmarks: FloatArray
    yaw_deg: FloatArray
    pitch_deg: FloatArray
    roll_deg: FloatArray
    ear: FloatArray
    mar: FloatArray
    thumbs: Image
    brightness: FloatArray
    sharpness: FloatArray
    contrast: FloatArray | None = None

    def __post_init__(self) -> None:
        n = len(self.t_s)
        shapes: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
            "t_s": ((n,), self.t_s.shape),
            "received_s": ((n,), self.received_s.shape),
            "n_faces": ((n,), self.n_faces.shape),
            "landmarks": ((n, N_LANDMARKS, 3), self.landmarks.shape),
            "yaw_deg": ((n,), self.yaw_deg.shape),
            "pitch_deg": ((n,), self.pitch_deg.shape),
            "roll_deg": ((n,), self.roll_deg.shape),
            "ear": ((n, 2), self.ear.shape),
            "mar": ((n,), self.mar.shape),
            "thumbs": ((n, *THUMB_SHAPE), self.thumbs.shape),
            "brightness": ((n,), self.brightness.shape),
            "sharpness": ((n,), self.sharpness.shape),
            "contrast": ((n, 3), (n, 3) if self.contrast is None else self.contrast.shape),
        }
        for name, (expected, got) in shapes.items():
            if expected != got:
                msg = f"FaceTrack.{name}: expected shape {expected}, got {got}"
                raise ValueError(msg)
        if len(self.steps) != n:
            msg = f"FaceTrack.steps: expected {n} steps, got {len(self.steps)}"
            raise ValueError(msg)

    def __len__(self) -> int:
        return len(self.t_s)

    @property
    def found(self) -> BoolArray:
        """(T,) whether a face was tracked."""
        found: BoolArray = np.isfinite(self.landmarks[:, 0, 0])
        return found

    def at_step(self, step: Step) -> npt.NDArray[np.intp]:
        """Indices of the frames taken during `step`."""
        return np.flatnonzero([own == step for own in self.steps])


@dataclass(frozen=True, slots=True)
class Audio:
    """The sound track.

    Parameters
    ----------
    samples
        (N,) float32 mono in [-1, 1] at 16 kHz.
    speech
        (start_s, end_s) stretches that the voice-activity gate took for speech.
    energy_db, energy_hop_s
        Short-time level of the samples, for lip-sync and the report.
    offset_s
        Capture time of sample 0.
    clipped_share
        Share of samples at full scale before resampling.
    """

    samples: FloatArray
    speech: tuple[tuple[float, float], ...]
    energy_db: FloatArray
    energy_hop_s: float
    offset_s: float = 0.0
    original_rate_hz: int = SAMPLE_RATE_HZ
    original_codec: str = ""
    clipped_share: float = 0.0

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            got = f"{self.samples.ndim}-d {self.samples.dtype}"
            msg = f"Audio.samples: expected 1-d float32, got {got}"
            raise ValueError(msg)
        if not np.isfinite(self.samples).all():
            msg = "Audio.samples: expected finite numbers, got NaN or infinity"
            raise ValueError(msg)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / SAMPLE_RATE_HZ

    @property
    def speech_s(self) -> float:
        """Seconds of speech."""
        return sum(end - start for start, end in self.speech)


@dataclass(frozen=True, slots=True)
class Capture:
    """Everything the layers look at: decoded once, never changed.

    Parameters
    ----------
    images
        RGB uint8 images of the kept frames, (H, W, 3) each. A long video keeps an even sample
        of its frames; the track has a row for every frame.
    kept
        Track index of each image, ascending.
    findings
        Quality findings of the whole capture.
    sensor
        What the pixels say of what took them; None where there were too few.
    """

    source: Source
    track: FaceTrack
    images: tuple[Image, ...]
    kept: tuple[int, ...]
    audio: Audio | None
    challenge: Challenge
    findings: tuple[QualityFinding, ...] = ()
    sensor: SensorFigures | None = None

    def __post_init__(self) -> None:
        if len(self.images) not in (0, len(self.kept)):
            msg = f"Capture.images: expected {len(self.kept)} images, got {len(self.images)}"
            raise ValueError(msg)
        if self.kept and (
            list(self.kept) != sorted(set(self.kept)) or self.kept[-1] >= len(self.track)
        ):
            msg = f"Capture.kept: expected ascending indices below {len(self.track)}"
            raise ValueError(msg)
        for image in self.images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                msg = f"Capture.images: expected (H, W, 3) uint8, got {image.shape} {image.dtype}"
                raise ValueError(msg)

    def without_images(self) -> Capture:
        """Return the same capture without pixels, for layers that need none."""
        return replace(self, images=())

    def image_at(self, index: int) -> Image | None:
        """Return the image of track row `index`, or None when it was not kept."""
        try:
            return self.images[self.kept.index(index)]
        except (ValueError, IndexError):
            return None
