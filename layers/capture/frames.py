"""Pictures to one Capture: a folder with its capture.json, or one picture by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from layers.capture.assemble import check_total, clock_skew_s, finished, receipts
from layers.capture.audio import read_audio
from layers.capture.collect import EvenSample, collect, face_track
from layers.capture.description import CaptureDescription, read_description
from layers.capture.errors import MediaLimitError, UnreadableMediaError
from layers.capture.images import ImageHeader, decode_image, read_header
from layers.capture.limits import CaptureLimits
from layers.capture.sniff import Container, sniff
from layers.capture.types import Audio, Capture, Challenge, Image, MediaKind, Source, TimeArray
from verdict.policy import Policy

# Below this many pictures a second a face may move too far between two to be followed.
_DENSE_FPS = 4.0
_DEFAULT_LIMITS = CaptureLimits()


def load_frames(
    folder: Path,
    *,
    phrase: str | None = None,
    audio_path: Path | None = None,
    challenge: Challenge | None = None,
    limits: CaptureLimits = _DEFAULT_LIMITS,
    received_s: Sequence[float] | None = None,
    open_s: float = float("nan"),
    policy: Policy | None = None,
) -> Capture:
    """Load a folder with pictures and their ``capture.json``.

    Parameters
    ----------
    phrase
        The words that were asked for, in place of those in ``capture.json``.
    challenge
        What the server asked, in place of all that ``capture.json`` says of it.
    audio_path
        Takes the place of the sound file that ``capture.json`` names.
    received_s
        Server clock, in Unix seconds: when the upload was complete, or for every frame.
    open_s
        How long the link had been open when the upload was complete.
    policy
        Decides on quality findings; the shipped one when not given.

    Raises
    ------
    MediaError
        When it can't be used; the message says why and what to do.
    """
    if not folder.is_dir():
        msg = f"{folder.name} is not a folder; give one with pictures and a capture.json"
        raise UnreadableMediaError(msg)
    described = read_description(folder)
    frames = described.frames
    if len(frames) > limits.max_frames:
        msg = f"{len(frames)} frames; at most {limits.max_frames} are taken"
        raise MediaLimitError(msg)
    paths = [folder / frame.file for frame in frames]
    if audio_path is None and described.audio is not None:
        audio_path = folder / described.audio.file
    check_total([*paths, *([audio_path] if audio_path else [])], limits)
    containers = [_image_container(path, limits) for path in paths]
    headers = [read_header(path, limits) for path in paths]  # all of them before one is decoded
    times = _times(described, limits)
    sample = EvenSample(limits, len(frames))
    dense = len(times) > 1 and len(times) - 1 >= _DENSE_FPS * float(np.ptp(times))
    shown = (
        (frame.t_s, image) for frame, image in zip(frames, _decoded(paths, limits), strict=True)
    )
    _, tracked, sensor = collect(shown, sample, dense=dense)
    arrived = receipts(received_s, len(frames))
    skew_s = clock_skew_s(described.client_time_s, times, arrived)
    source = replace(
        _of_pictures(containers[0], headers[0], skew_s), open_s=open_s, device=described.camera
    )
    track = face_track(times, tracked, tuple(frame.step for frame in frames), arrived)
    audio = _sound(audio_path, described, limits)
    asked = challenge or described.challenge(phrase)
    return finished(source, track, sample, audio, asked, sensor=sensor, policy=policy)


def load_image(
    path: Path, *, limits: CaptureLimits = _DEFAULT_LIMITS, policy: Policy | None = None
) -> Capture:
    """Load a single picture as a capture of one frame.

    Raises
    ------
    MediaError
        When it can't be used; the message says why and what to do.
    """
    container = _image_container(path, limits)
    header = read_header(path, limits)
    sample = EvenSample(limits, 1)
    shown = [(0.0, decode_image(path, limits.max_side_px))]
    times, tracked, _ = collect(shown, sample, dense=False)
    source = _of_pictures(container, header)
    track = face_track(times, tracked, (None,))
    return finished(source, track, sample, None, None, policy=policy)


def _of_pictures(container: Container, header: ImageHeader, skew_s: float = float("nan")) -> Source:
    return Source(
        kind=MediaKind.FRAMES,
        width_px=header.width_px,
        height_px=header.height_px,
        rotation_deg=header.rotation_deg,
        container=str(container),
        video_codec=str(container),
        clock_skew_s=skew_s,
    )


def _times(described: CaptureDescription, limits: CaptureLimits) -> TimeArray:
    times = np.array([frame.t_s for frame in described.frames], dtype=np.float64)
    if np.ptp(times) > limits.max_seconds:
        msg = f"the frames span {np.ptp(times):.0f} s; at most {limits.max_seconds:g} s are taken"
        raise MediaLimitError(msg)
    return times


def _sound(path: Path | None, described: CaptureDescription, limits: CaptureLimits) -> Audio | None:
    audio = None if path is None else read_audio(path, sniff(path, limits), limits)
    if audio is None or described.audio is None:
        return audio
    return replace(audio, offset_s=described.audio.start_s)


def _decoded(paths: Iterable[Path], limits: CaptureLimits) -> Iterator[Image]:
    for path in paths:
        yield decode_image(path, limits.max_side_px)


def _image_container(path: Path, limits: CaptureLimits) -> Container:
    container = sniff(path, limits)
    if not container.is_image:
        msg = f"{path.name} is not a picture; send frames as JPEG, PNG or WebP"
        raise UnreadableMediaError(msg)
    return container
