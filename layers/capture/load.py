"""The public way in: a video, a folder of frames, a picture or a sound file to one Capture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from layers.capture.audio import read_audio
from layers.capture.collect import EvenSample, collect, face_track
from layers.capture.description import CaptureDescription, read_description
from layers.capture.errors import MediaLimitError, UnreadableMediaError
from layers.capture.images import ImageHeader, decode_image, read_header
from layers.capture.limits import CaptureLimits
from layers.capture.quality import quality_findings
from layers.capture.sniff import Container, sniff
from layers.capture.types import (
    Audio,
    Capture,
    Challenge,
    FaceTrack,
    Image,
    MediaKind,
    Prompt,
    Source,
    Step,
    TimeArray,
)
from layers.capture.video import VideoReader
from verdict.policy import load_policy

# Below this many pictures a second a face may move too far between two to be followed.
_DENSE_FPS = 4.0
_DEFAULT_LIMITS = CaptureLimits()


def load_media(
    path: Path, *, challenge: Challenge | None = None, limits: CaptureLimits = _DEFAULT_LIMITS
) -> Capture:
    """Load whatever lies at `path`: a folder of frames, a video, a picture or a sound file.

    Raises
    ------
    MediaError
        When it can't be used; the message says why and what to do.
    """
    if path.is_dir():
        return load_frames(path, challenge=challenge, limits=limits)
    container = sniff(path, limits)
    if container.is_image or (container.may_hold_video and _has_video(path, container, limits)):
        return load_video(path, challenge=challenge, limits=limits)
    return load_audio_only(path, challenge=challenge, limits=limits)


def load_video(
    path: Path,
    *,
    audio_path: Path | None = None,
    challenge: Challenge | None = None,
    limits: CaptureLimits = _DEFAULT_LIMITS,
    received_s: Sequence[float] | None = None,
) -> Capture:
    """Load a recorded video; a single picture is taken as one frame.

    Parameters
    ----------
    audio_path
        Takes the place of the video's own sound track; its first sample is time 0.
    challenge
        What was asked. Each frame belongs to the last step prompted before it.
    received_s
        Server clock, in Unix seconds: when the upload was complete, or for every frame.

    Raises
    ------
    MediaError
        When it can't be used; the message says why and what to do.
    """
    container = sniff(path, limits)
    _check_total([path, *([audio_path] if audio_path else [])], limits)
    if container.is_image:
        return load_image(path, limits=limits)
    if not container.may_hold_video:
        msg = f"{path.name} holds sound only; send it as audio, or send a video"
        raise UnreadableMediaError(msg)
    reader = VideoReader(path, container, limits)
    try:
        if not reader.has_video:
            msg = f"{path.name} has no video track; send it as audio, or send a video"
            raise UnreadableMediaError(msg)
        header = reader.header()
        sample = EvenSample(limits, reader.expected_frames())
        turns: list[int] = []
        shown = _noting_turns(reader, turns)
        times, tracked = collect(shown, sample, dense=True)
    finally:
        reader.close()
    start_s = float(times[0])
    times = times - start_s
    turned = turns[0]
    width, height = header.width_px, header.height_px
    if turned in (90, 270):
        width, height = height, width
    source = Source(
        kind=MediaKind.VIDEO,
        width_px=width,
        height_px=height,
        rotation_deg=turned,
        nominal_fps=header.nominal_fps,
        container=str(container),
        video_codec=header.codec,
        metadata=header.metadata,
    )
    prompts = challenge.prompts if challenge is not None else ()
    steps = tuple(_step_at(float(t_s), prompts) for t_s in times)
    track = face_track(times, tracked, steps, _receipts(received_s, len(times)))
    if audio_path is None:
        audio = read_audio(path, container, limits, start_s)
    else:
        audio = read_audio(audio_path, sniff(audio_path, limits), limits)
    return _finished(source, track, sample, audio, challenge)


def load_frames(
    folder: Path,
    *,
    phrase: str | None = None,
    audio_path: Path | None = None,
    challenge: Challenge | None = None,
    limits: CaptureLimits = _DEFAULT_LIMITS,
    received_s: Sequence[float] | None = None,
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
    _check_total([*paths, *([audio_path] if audio_path else [])], limits)
    containers = [_image_container(path, limits) for path in paths]
    headers = [read_header(path, limits) for path in paths]  # all of them before one is decoded
    times = np.array([frame.t_s for frame in frames], dtype=np.float64)
    if np.ptp(times) > limits.max_seconds:
        msg = f"the frames span {np.ptp(times):.0f} s; at most {limits.max_seconds:g} s are taken"
        raise MediaLimitError(msg)
    sample = EvenSample(limits, len(frames))
    dense = len(times) > 1 and (len(times) - 1) / max(float(np.ptp(times)), 1e-3) >= _DENSE_FPS
    shown = (
        (frame.t_s, image) for frame, image in zip(frames, _decoded(paths, limits), strict=True)
    )
    _, tracked = collect(shown, sample, dense=dense)
    receipts = _receipts(received_s, len(frames))
    source = _of_pictures(containers[0], headers[0], _clock_skew(described, receipts))
    track = face_track(times, tracked, tuple(frame.step for frame in frames), receipts)
    audio = None
    if audio_path is not None:
        audio = read_audio(audio_path, sniff(audio_path, limits), limits)
        if audio is not None and described.audio is not None:
            audio = replace(audio, offset_s=described.audio.start_s)
    return _finished(source, track, sample, audio, challenge or described.challenge(phrase))


def load_image(path: Path, *, limits: CaptureLimits = _DEFAULT_LIMITS) -> Capture:
    """Load a single picture as a capture of one frame.

    Raises
    ------
    MediaError
        When it can't be used; the message says why and what to do.
    """
    container = _image_container(path, limits)
    header = read_header(path, limits)
    sample = EvenSample(limits, 1)
    times, tracked = collect([(0.0, decode_image(path, limits.max_side_px))], sample, dense=False)
    source = _of_pictures(container, header)
    return _finished(source, face_track(times, tracked, (None,)), sample, None, None)


def _of_pictures(
    container: Container, header: ImageHeader, clock_skew_s: float = float("nan")
) -> Source:
    return Source(
        kind=MediaKind.FRAMES,
        width_px=header.width_px,
        height_px=header.height_px,
        rotation_deg=header.rotation_deg,
        container=str(container),
        video_codec=str(container),
        clock_skew_s=clock_skew_s,
    )


def load_audio_only(
    path: Path, *, challenge: Challenge | None = None, limits: CaptureLimits = _DEFAULT_LIMITS
) -> Capture:
    """Load a sound file, or the sound track of a video, without pictures.

    Raises
    ------
    MediaError
        When it can't be used; the message says why and what to do.
    """
    container = sniff(path, limits)
    if container.is_image:
        msg = f"{path.name} is a picture; send a sound file"
        raise UnreadableMediaError(msg)
    audio = read_audio(path, container, limits)
    if audio is None:
        msg = f"{path.name} has no sound in it; record with the microphone on"
        raise UnreadableMediaError(msg)
    source = Source(kind=MediaKind.AUDIO, container=str(container))
    track = face_track(np.zeros(0), [], ())
    return _finished(source, track, EvenSample(limits), audio, challenge)


def _finished(
    source: Source,
    track: FaceTrack,
    sample: EvenSample,
    audio: Audio | None,
    challenge: Challenge | None,
) -> Capture:
    capture = Capture(source, track, sample.images, sample.indices, audio, challenge or Challenge())
    findings = quality_findings(source.kind, track, capture.audio, load_policy())
    return replace(capture, findings=findings)


def _noting_turns(reader: VideoReader, turns: list[int]) -> Iterator[tuple[float, Image]]:
    for picture in reader.pictures():
        turns.append(picture.rotation_deg)
        yield picture.t_s, picture.image


def _decoded(paths: Iterable[Path], limits: CaptureLimits) -> Iterator[Image]:
    for path in paths:
        yield decode_image(path, limits.max_side_px)


def _has_video(path: Path, container: Container, limits: CaptureLimits) -> bool:
    reader = VideoReader(path, container, limits)
    try:
        return reader.has_video
    finally:
        reader.close()


def _image_container(path: Path, limits: CaptureLimits) -> Container:
    container = sniff(path, limits)
    if not container.is_image:
        msg = f"{path.name} is not a picture; send frames as JPEG, PNG or WebP"
        raise UnreadableMediaError(msg)
    return container


def _check_total(paths: Iterable[Path], limits: CaptureLimits) -> None:
    total = sum(path.stat().st_size for path in paths if path.exists())
    if total > limits.max_total_bytes:
        msg = f"the files have {total} bytes together; at most {limits.max_total_bytes} are taken"
        raise MediaLimitError(msg)


def _step_at(t_s: float, prompts: Sequence[Prompt]) -> Step | None:
    begun = [prompt for prompt in prompts if prompt.t_s <= t_s]
    return max(begun, key=lambda prompt: prompt.t_s).step if begun else None


def _receipts(received_s: Sequence[float] | None, n: int) -> TimeArray:
    """Return one receipt per frame; a single one is that of the last frame."""
    receipts = np.full(n, np.nan)
    if received_s is not None and len(received_s) == n:
        receipts[:] = received_s
    elif received_s is not None and len(received_s) == 1 and n:
        receipts[-1] = received_s[0]
    elif received_s is not None:
        msg = f"received_s: expected one time or {n}, got {len(received_s)}"
        raise ValueError(msg)
    return receipts


def _clock_skew(described: CaptureDescription, receipts: TimeArray) -> float:
    """Return how much later than the client's clock said the frames arrived, NaN if not known."""
    if described.client_time_s is None:
        return float("nan")
    sent = described.client_time_s + np.array([frame.t_s for frame in described.frames])
    known = np.isfinite(receipts)
    return float(np.median((receipts - sent)[known])) if known.any() else float("nan")
