"""The public way in: a video, a folder of frames, a picture or a sound file to one Capture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from layers.capture.assemble import check_total, clock_skew_s, finished, receipts
from layers.capture.audio import read_audio
from layers.capture.collect import EvenSample, collect, face_track
from layers.capture.errors import UnreadableMediaError
from layers.capture.frames import load_frames, load_image
from layers.capture.limits import CaptureLimits
from layers.capture.sniff import Container, sniff
from layers.capture.types import (
    Capture,
    Challenge,
    Device,
    Image,
    MediaKind,
    Prompt,
    Source,
    Step,
)
from layers.capture.video import VideoHeader, VideoReader
from verdict.policy import Policy

__all__ = ["load_audio_only", "load_frames", "load_image", "load_media", "load_video"]

_DEFAULT_LIMITS = CaptureLimits()


def load_media(
    path: Path,
    *,
    challenge: Challenge | None = None,
    limits: CaptureLimits = _DEFAULT_LIMITS,
    policy: Policy | None = None,
) -> Capture:
    """Load whatever lies at `path`: a folder of frames, a video, a picture or a sound file.

    Raises
    ------
    MediaError
        When it can't be used; the message says why and what to do.
    """
    if path.is_dir():
        return load_frames(path, challenge=challenge, limits=limits, policy=policy)
    container = sniff(path, limits)
    if container.is_image or (container.may_hold_video and _has_video(path, container, limits)):
        return load_video(path, challenge=challenge, limits=limits, policy=policy)
    return load_audio_only(path, challenge=challenge, limits=limits, policy=policy)


def load_video(
    path: Path,
    *,
    audio_path: Path | None = None,
    audio_start_s: float = 0.0,
    challenge: Challenge | None = None,
    limits: CaptureLimits = _DEFAULT_LIMITS,
    client_time_s: float | None = None,
    received_s: Sequence[float] | None = None,
    device: Device | None = None,
    policy: Policy | None = None,
) -> Capture:
    """Load a recorded video; a single picture is taken as one frame.

    Parameters
    ----------
    audio_path
        Takes the place of the video's own sound track.
    audio_start_s
        When the first sample of `audio_path` was recorded, in seconds after the first picture.
    challenge
        What was asked. Each frame belongs to the last step prompted before it.
    client_time_s
        The client's clock at the first picture, in Unix seconds.
    received_s
        Server clock, in Unix seconds: when the upload was complete, or for every frame.
    device
        What the page said of its camera.
    policy
        Decides on quality findings; the shipped one when not given.

    Raises
    ------
    MediaError
        When it can't be used; the message says why and what to do.
    """
    container = sniff(path, limits)
    check_total([path, *([audio_path] if audio_path else [])], limits)
    if container.is_image:
        return load_image(path, limits=limits, policy=policy)
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
        times, tracked, sensor = collect(_noting_turns(reader, turns), sample, dense=True)
    finally:
        reader.close()
    start_s = float(times[0])
    times = times - start_s
    arrived = receipts(received_s, len(times))
    skew_s = clock_skew_s(client_time_s, times, arrived)
    source = _source_of(container, header, turns[0])
    source = replace(source, clock_skew_s=skew_s, device=device)
    prompts = challenge.prompts if challenge is not None else ()
    steps = tuple(_step_at(float(t_s), prompts) for t_s in times)
    track = face_track(times, tracked, steps, arrived)
    if audio_path is None:
        audio = read_audio(path, container, limits, start_s)
    else:
        audio = read_audio(audio_path, sniff(audio_path, limits), limits)
        audio = None if audio is None else replace(audio, offset_s=audio_start_s)
    return finished(source, track, sample, audio, challenge, sensor=sensor, policy=policy)


def load_audio_only(
    path: Path,
    *,
    challenge: Challenge | None = None,
    limits: CaptureLimits = _DEFAULT_LIMITS,
    policy: Policy | None = None,
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
    return finished(source, track, EvenSample(limits), audio, challenge, policy=policy)


def _source_of(container: Container, header: VideoHeader, turned_deg: int) -> Source:
    size = (header.width_px, header.height_px)
    width, height = size[::-1] if turned_deg in (90, 270) else size
    return Source(
        kind=MediaKind.VIDEO,
        width_px=width,
        height_px=height,
        rotation_deg=turned_deg,
        nominal_fps=header.nominal_fps,
        container=str(container),
        video_codec=header.codec,
        metadata=header.metadata,
    )


def _noting_turns(reader: VideoReader, turns: list[int]) -> Iterator[tuple[float, Image]]:
    for picture in reader.pictures():
        turns.append(picture.rotation_deg)
        yield picture.t_s, picture.image


def _has_video(path: Path, container: Container, limits: CaptureLimits) -> bool:
    reader = VideoReader(path, container, limits)
    try:
        return reader.has_video
    finally:
        reader.close()


def _step_at(t_s: float, prompts: Sequence[Prompt]) -> Step | None:
    begun = [prompt for prompt in prompts if prompt.t_s <= t_s]
    return max(begun, key=lambda prompt: prompt.t_s).step if begun else None
