"""From files to one Capture: the only way in for the command line, the service and the tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from layers.capture.audio import read_audio
from layers.capture.description import read_description
from layers.capture.errors import CaptureDescriptionError, MediaError, UnreadableMediaError
from layers.capture.images import read_image
from layers.capture.limits import CaptureLimits
from layers.capture.quality import quality_findings
from layers.capture.tracker import FaceTracker
from layers.capture.tracking import TrackBuilder
from layers.capture.types import Audio, Capture, Challenge, FaceTrack, Image, MediaKind, Source
from layers.capture.video import VideoReader
from verdict.policy import load_policy

# Frames further apart than this are looked at one by one: the face may be anywhere by then.
_DENSE_GAP_S = 0.4
_NO_CHALLENGE = Challenge()
_LIMITS = CaptureLimits()


def load_video(
    path: Path,
    *,
    audio_path: Path | None = None,
    challenge: Challenge | None = None,
    limits: CaptureLimits = _LIMITS,
) -> Capture:
    """Decode and track a recorded video.

    Parameters
    ----------
    audio_path
        Sound that takes the place of the video's own track.

    Raises
    ------
    MediaError
        When a file is empty, too large, damaged or of the wrong kind.
    """
    reader = VideoReader(path, limits)
    times: list[float] = []
    with FaceTracker(dense=True) as tracker:
        builder = TrackBuilder(tracker, reader.header.expected_frames, limits)
        for frame in reader.frames():
            times.append(frame.t_s)
            builder.add(frame.image)
        track, images, kept = builder.finish(times)
    audio = read_audio(audio_path or path, limits)
    header = reader.header
    source = Source(
        MediaKind.VIDEO,
        header.width_px,
        header.height_px,
        reader.rotation_deg,
        header.nominal_fps,
        header.container,
        header.codec,
    )
    return _capture(source, track, images, kept, audio, challenge or _NO_CHALLENGE)


def load_frames(
    folder: Path,
    *,
    challenge: Challenge | None = None,
    phrase: str | None = None,
    limits: CaptureLimits = _LIMITS,
    received_s: Sequence[float] | None = None,
) -> Capture:
    """Decode and track pictures with the ``capture.json`` beside them.

    Parameters
    ----------
    challenge
        What the server asked, in place of what the description says.
    received_s
        Unix time at which each frame reached the server; one time for all may be given.

    Raises
    ------
    MediaError
        When the description or a file can't be used.
    """
    description = read_description(folder)
    frames = description.frames
    if len(frames) > limits.max_frames:
        msg = f"capture.json: {len(frames)} frames, the limit is {limits.max_frames}"
        raise CaptureDescriptionError(msg)
    times = [frame.t_s for frame in frames]
    gap_s = float(np.median(np.abs(np.diff(times)))) if len(times) > 1 else np.inf
    first: Image | None = None
    with FaceTracker(dense=gap_s <= _DENSE_GAP_S) as tracker:
        builder = TrackBuilder(tracker, len(frames), limits)
        for frame in frames:
            image = read_image(folder / frame.file, limits)
            first = image if first is None else first
            builder.add(image)
        received = _received(received_s, len(frames))
        track, images, kept = builder.finish(times, [frame.step for frame in frames], received)
    audio = None
    if description.audio is not None:
        audio = read_audio(folder / description.audio.file, limits, description.audio.start_s)
    height, width = first.shape[:2] if first is not None else (0, 0)
    skew_s = float("nan")
    if received is not None and description.client_time_s is not None:
        skew_s = float(np.nanmin(np.asarray(received) - (description.client_time_s + max(times))))
    source = Source(MediaKind.FRAMES, width, height, clock_skew_s=skew_s)
    asked = challenge if challenge is not None else description.challenge(phrase)
    return _capture(source, track, images, kept, audio, asked)


def load_image(path: Path, *, limits: CaptureLimits = _LIMITS) -> Capture:
    """Decode and track a single picture."""
    image = read_image(path, limits)
    with FaceTracker(dense=False) as tracker:
        builder = TrackBuilder(tracker, 1, limits)
        builder.add(image)
        track, images, kept = builder.finish([0.0])
    source = Source(MediaKind.FRAMES, image.shape[1], image.shape[0])
    return _capture(source, track, images, kept, None, _NO_CHALLENGE)


def load_audio_only(
    path: Path, *, challenge: Challenge = _NO_CHALLENGE, limits: CaptureLimits = _LIMITS
) -> Capture:
    """Decode the sound of a file, and nothing else.

    Raises
    ------
    MediaError
        When the file can't be used or has no sound track.
    """
    audio = read_audio(path, limits)
    if audio is None:
        msg = f"{path.name}: has no sound track"
        raise UnreadableMediaError(msg)
    with_no_frames = TrackBuilder.empty()
    return _capture(
        Source(MediaKind.AUDIO), with_no_frames, (), (), audio, challenge or _NO_CHALLENGE
    )


def _capture(
    source: Source,
    track: FaceTrack,
    images: tuple[Image, ...],
    kept: tuple[int, ...],
    audio: Audio | None,
    challenge: Challenge,
) -> Capture:
    findings = quality_findings(source.kind, track, audio, load_policy())
    return Capture(source, track, images, kept, audio, challenge, findings)


def _received(received_s: Sequence[float] | None, n_frames: int) -> list[float] | None:
    if received_s is None or not len(received_s):
        return None
    if len(received_s) == 1:
        return [float(received_s[0])] * n_frames
    if len(received_s) != n_frames:
        msg = f"received_s: expected one time or {n_frames}, got {len(received_s)}"
        raise CaptureDescriptionError(msg)
    return [float(moment) for moment in received_s]


__all__ = ["MediaError", "load_audio_only", "load_frames", "load_image", "load_video"]
