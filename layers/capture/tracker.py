"""One face tracker for every layer: MediaPipe Face Mesh, a fresh graph for every capture."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from layers.capture.types import N_LANDMARKS, FloatArray, Image

_MAX_FACES = 3
# Published defaults of the solution.
_MIN_DETECTION = 0.5
_MIN_TRACKING = 0.5
# The detector was trained on whole heads: a portrait cut at the hairline is found once it has a
# margin around it.
_MARGIN = 0.35


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """The largest face of one frame.

    Parameters
    ----------
    landmarks
        (478, 3) in pixels, or None without a face.
    n_faces
        How many faces were seen.
    """

    landmarks: FloatArray | None
    n_faces: int


class FaceTracker:
    """Tracks faces through the frames of one capture. Not thread-safe.

    Parameters
    ----------
    dense
        True for video: the face of one frame helps to find it in the next. False for a few
        pictures far apart in time, each looked at on its own.
    """

    def __init__(self, *, dense: bool) -> None:
        self._dense = dense
        self._padded = False
        self._mesh = self._new_mesh()

    def track(self, image: Image) -> TrackedFace:
        """Return the largest face of an RGB image."""
        found = self._find(image, _MARGIN if self._padded else 0.0)
        if found.landmarks is None:
            other = self._find(image, 0.0 if self._padded else _MARGIN)
            if other.landmarks is not None:
                self._padded = not self._padded
                return other
        return found

    def close(self) -> None:
        """Free the graph."""
        self._mesh.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _new_mesh(self) -> Any:  # MediaPipe ships no types
        # Its C++ side logs to stderr at import and its protobuf use is deprecated: neither is
        # something that our users can act on.
        os.environ.setdefault("GLOG_minloglevel", "3")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mediapipe.python.solutions.face_mesh import FaceMesh

            return FaceMesh(
                static_image_mode=not self._dense,
                max_num_faces=_MAX_FACES,
                refine_landmarks=True,
                min_detection_confidence=_MIN_DETECTION,
                min_tracking_confidence=_MIN_TRACKING,
            )

    def _find(self, image: Image, margin: float) -> TrackedFace:
        height, width = image.shape[:2]
        pad = round(margin * max(height, width))
        if pad:
            image = np.asarray(
                cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_CONSTANT), np.uint8
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            faces = self._mesh.process(image).multi_face_landmarks or []
        if not faces:
            return TrackedFace(None, 0)
        size = np.asarray([image.shape[1], image.shape[0], image.shape[1]], np.float32)
        meshes = [
            np.asarray([(p.x, p.y, p.z) for p in face.landmark], np.float32) * size
            for face in faces
        ]
        largest = max(meshes, key=_extent)
        largest[:, :2] -= pad
        if largest.shape != (N_LANDMARKS, 3):
            msg = f"the face model gave {largest.shape}, expected ({N_LANDMARKS}, 3)"
            raise RuntimeError(msg)
        return TrackedFace(largest, len(meshes))


def _extent(mesh: FloatArray) -> float:
    return float(np.ptp(mesh[:, 0]) * np.ptp(mesh[:, 1]))
