"""The one face tracker: MediaPipe's mesh of 478 points on every frame, the largest face followed.

One face is tracked at a time, which is faster; a detector looks for others now and then, and
once it sees some, all of them are tracked to the end.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from layers.capture.contrast import part_contrast
from layers.capture.thumbs import thumb_of
from layers.capture.types import N_LANDMARKS, FloatArray, Image

_MAX_FACES = 3
# The detector looks at a frame when this much time has passed since it last did.
_PROBE_EVERY_S = 1.0
_MIN_CONFIDENCE = 0.5
# The detector learned whole heads: a portrait cut at the hairline is found with a margin around it.
_MARGIN = 0.35
# Largest side of the picture that sharpness is measured on, so that it means the same at every
# resolution.
_SHARPNESS_SIDE_PX = 160
_BLACK: Image = np.zeros((64, 64, 3), dtype=np.uint8)
_SILENCE = threading.RLock()


@dataclass(frozen=True, slots=True)
class TrackedFrame:
    """What was seen on one frame.

    Parameters
    ----------
    landmarks
        (478, 3) in pixels of the frame; NaN without a face.
    brightness, sharpness
        Of the face, or of the whole picture without one.
    contrast
        (3,) of the eyes and the mouth, see `part_contrast`; NaN without a face.
    """

    n_faces: int
    landmarks: FloatArray
    thumb: Image
    brightness: float
    sharpness: float
    contrast: FloatArray


class FaceTracker:
    """Follows one face through the frames of one capture. Use as a context manager.

    Every capture gets a fresh graph: what was seen before can't change what is seen now.

    Parameters
    ----------
    dense
        True for a sequence in which a face hardly moves between frames: then it is followed.
        Otherwise it is searched on every frame anew.
    """

    def __init__(self, *, dense: bool) -> None:
        self._dense = dense
        self._next_probe_s = -np.inf
        self._several = False
        self._quiet = False
        self._padded = False
        self._mesh: Any = None
        self._detector: Any = None

    def __enter__(self) -> Self:
        from mediapipe.python.solutions.face_detection import FaceDetection

        with _native_silence():
            self._detector = FaceDetection(min_detection_confidence=_MIN_CONFIDENCE)
            self._detector.process(_BLACK)
            self._mesh = self._new_mesh(1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._mesh.close()
        self._detector.close()

    def track(self, image: Image, t_s: float) -> TrackedFrame:
        """Look at the next frame.

        Parameters
        ----------
        image : uint8 (H, W, 3)
            RGB.
        t_s
            Its time, to know when to look for further faces again.
        """
        image = np.ascontiguousarray(image)
        # MediaPipe has one more thing to say when it finds its first face.
        with nullcontext() if self._quiet else _native_silence():
            detected = self._probe(image, t_s)
            faces = self._faces(image)
        self._quiet = self._quiet or bool(faces)
        landmarks = max(faces, key=_extent) if faces else _nothing()
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        face = _crop(grey, landmarks)
        return TrackedFrame(
            n_faces=max(len(faces), detected if faces else 0),
            landmarks=landmarks,
            thumb=thumb_of(grey),
            brightness=float(face.mean()),
            sharpness=_sharpness(face),
            contrast=part_contrast(grey, landmarks),
        )

    def _probe(self, image: Image, t_s: float) -> int:
        """Count faces with the detector when it is time to; 0 when it is not."""
        if self._several or (self._dense and t_s < self._next_probe_s):
            return 0
        self._next_probe_s = t_s + _PROBE_EVERY_S
        found = len(self._detector.process(image).detections or ())
        if found > 1:
            self._several = True
            self._mesh.close()
            with _native_silence():
                self._mesh = self._new_mesh(_MAX_FACES)
        return found

    def _faces(self, image: Image) -> list[FloatArray]:
        found = self._find(image, self._padded)
        if not found:
            found = self._find(image, not self._padded)
            self._padded ^= bool(found)  # what helped once will help again
        return found

    def _find(self, image: Image, padded: bool) -> list[FloatArray]:
        margin = round(_MARGIN * max(image.shape)) if padded else 0
        if margin:
            sides = (margin,) * 4
            image = np.asarray(cv2.copyMakeBorder(image, *sides, cv2.BORDER_CONSTANT), np.uint8)
        height, width = image.shape[:2]
        scale = np.array([width, height, width], dtype=np.float32)
        shift = np.array([margin, margin, 0], dtype=np.float32)
        found = self._mesh.process(image).multi_face_landmarks or ()
        return [
            np.array([(p.x, p.y, p.z) for p in face.landmark], dtype=np.float32) * scale - shift
            for face in found
        ]

    def _new_mesh(self, max_faces: int) -> Any:
        from mediapipe.python.solutions.face_mesh import FaceMesh

        mesh = FaceMesh(
            static_image_mode=not self._dense,
            max_num_faces=max_faces,
            refine_landmarks=True,
            min_detection_confidence=_MIN_CONFIDENCE,
            min_tracking_confidence=_MIN_CONFIDENCE,
        )
        # A graph opens with its first picture; without a face in it nothing is remembered.
        mesh.process(_BLACK)
        return mesh


def _nothing() -> FloatArray:
    return np.full((N_LANDMARKS, 3), np.nan, dtype=np.float32)


def _extent(landmarks: FloatArray) -> float:
    return float(np.prod(np.ptp(landmarks[:, :2], axis=0)))


def _crop(grey: Image, landmarks: FloatArray) -> Image:
    """Return the face's box, or the whole picture where there is no face in it."""
    if not np.isfinite(landmarks[0, 0]):
        return grey
    height, width = grey.shape
    x0, y0 = np.floor(landmarks[:, :2].min(axis=0)).astype(int)
    x1, y1 = np.ceil(landmarks[:, :2].max(axis=0)).astype(int)
    box = grey[max(0, y0) : min(height, y1 + 1), max(0, x0) : min(width, x1 + 1)]
    return box if min(box.shape) >= 8 else grey


def _sharpness(grey: Image) -> float:
    scale = min(1.0, _SHARPNESS_SIDE_PX / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(small, cv2.CV_32F).var())


@contextmanager
def _native_silence() -> Iterator[None]:
    """Keep what MediaPipe's C++ says on every graph off stderr; nothing of it is about us."""
    with _SILENCE:
        saved, sink = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(sink)
