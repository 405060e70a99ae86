"""The bad inputs that were named for the main job, as files of a capture."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pil

from layers.capture.types import Image
from tests.layers.capture.media_builders import (
    empty_room,
    png_bomb,
    portrait,
    tone_of,
    two_portraits,
    write_video,
    write_wav,
)
from tests.service.service_builders import (
    UploadPart,
    capture_parts,
    description,
    json_part,
    wav_bytes,
)

# The folder to work in and the steps of the challenge, to the parts of the upload.
Build = Callable[[Path, Sequence[str]], list[UploadPart]]


def _jpeg(image: Image) -> bytes:
    buffer = io.BytesIO()
    Pil.fromarray(image).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _claiming(width: int, height: int) -> bytes:
    data = bytearray(_jpeg(np.zeros((64, 64, 3), np.uint8)))
    at = data.index(b"\xff\xc0") + 5  # start of frame: height and width in two bytes each
    data[at : at + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(data)


def _of_frame(make: Callable[[Path], bytes]) -> Build:
    return lambda folder, steps: capture_parts(description(steps), frame=make(folder))


def _of_sound(make: Callable[[Path], bytes]) -> Build:
    face = _jpeg(portrait())
    return lambda folder, steps: capture_parts(description(steps), frame=face, audio=make(folder))


def _of_video(make: Callable[[Path], bytes]) -> Build:
    def build(folder: Path, steps: Sequence[str]) -> list[UploadPart]:
        film: UploadPart = ("video", ("clip.mp4", make(folder), "video/mp4"))
        return [film, json_part(description(steps, frames=[], audio=None))]

    return build


def _film(images: Sequence[Image], share: float = 1.0, **options: Any) -> Callable[[Path], bytes]:
    def make(folder: Path) -> bytes:
        data = write_video(folder / "clip.mp4", images, **options).read_bytes()
        return data[: round(share * len(data))]

    return make


def _wav(rate_hz: int, seconds: float = 0.5) -> bytes:
    """A WAV file that claims a rate."""
    data = bytearray(wav_bytes(seconds))
    data[24:28] = struct.pack("<I", rate_hz)
    return bytes(data)


def _without_samples(_folder: Path) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
    return buffer.getvalue()


def _tone(kind: str) -> Callable[[Path], bytes]:
    def make(folder: Path) -> bytes:
        loud = tone_of(1.0, 16_000)
        if kind.startswith("f"):
            loud[::100] = np.nan
        return write_wav(folder / "voice.wav", loud, 16_000, kind).read_bytes()

    return make


def _same_time(_folder: Path, steps: Sequence[str]) -> list[UploadPart]:
    capture = description(steps)
    for entry in capture["frames"]:
        entry["t_s"] = 1.0
    return capture_parts(capture, frame=_jpeg(portrait()))


def _shuffled(_folder: Path, steps: Sequence[str]) -> list[UploadPart]:
    return capture_parts(description(steps[::-1]), frame=_jpeg(portrait()))


def _turned_pages(_folder: Path, steps: Sequence[str]) -> list[UploadPart]:
    return capture_parts(description([*steps, steps[0]]), frame=_jpeg(portrait()))


# What is refused: status, code, and the finding that says what the applicant can do.
REFUSED: dict[str, tuple[Build, int, str, str | None]] = {
    "an empty file": (_of_frame(lambda _: b""), 422, "INVALID_MEDIA", "EMPTY_FILE"),
    "a text file called .mp4": (
        *(_of_video(lambda _: b"#EXTM3U\nhttp://example.org/a\n"), 415),
        *("UNSUPPORTED_MEDIA_TYPE", None),
    ),
    "sound where pictures belong": (
        *(_of_frame(lambda _: wav_bytes()), 415, "UNSUPPORTED_MEDIA_TYPE", None),
    ),
    "a truncated MP4": (
        *(_of_video(_film([portrait()] * 12, 0.6)), 422, "INVALID_MEDIA", "UNREADABLE_MEDIA"),
    ),
    "a 200-megapixel JPEG": (
        *(_of_frame(lambda _: _claiming(20_000, 10_000)), 422),
        *("INVALID_MEDIA", "MEDIA_TOO_LARGE"),
    ),
    "the widest JPEG there is": (
        *(_of_frame(lambda _: _claiming(65_535, 65_535)), 422),
        *("INVALID_MEDIA", "MEDIA_TOO_LARGE"),
    ),
    "a zip bomb of an image": (
        *(_of_frame(lambda folder: png_bomb(folder / "bomb.png", 30_000).read_bytes()), 422),
        *("INVALID_MEDIA", "MEDIA_TOO_LARGE"),
    ),
    "a video without a face": (
        *(_of_video(_film([empty_room()] * 8)), 422, "INVALID_MEDIA", "NO_FACE"),
    ),
    "pictures without a face": (
        *(_of_frame(lambda _: _jpeg(empty_room())), 422, "INVALID_MEDIA", "NO_FACE"),
    ),
    "several faces": (
        *(_of_frame(lambda _: _jpeg(two_portraits())), 422, "INVALID_MEDIA", "SEVERAL_FACES"),
    ),
    "too dark": (
        _of_frame(lambda _: _jpeg((portrait() * 0.1).astype(np.uint8))),
        *(422, "INVALID_MEDIA", "TOO_DARK"),
    ),
    "a sample rate of 1 Hz": (
        *(_of_sound(lambda _: _wav(1)), 422, "INVALID_MEDIA", "UNREADABLE_MEDIA"),
    ),
    "a sample rate of 2 GHz": (
        *(_of_sound(lambda _: _wav(2_000_000_000)), 422, "INVALID_MEDIA", "UNREADABLE_MEDIA"),
    ),
    "sound of 6 minutes": (
        *(_of_sound(lambda _: wav_bytes(360.0)), 422, "INVALID_MEDIA", "MEDIA_TOO_LARGE"),
    ),
    "steps in another order": (_shuffled, 422, "STEP_OUT_OF_ORDER", None),
    "a step twice": (_turned_pages, 422, "STEP_OUT_OF_ORDER", None),
}

# What is taken and left to the layers: poor, but no reason to ask for it again.
TAKEN: dict[str, Build] = {
    "a video of one frame": _of_video(_film([portrait()])),
    "0.2 s of sound": _of_sound(lambda _: wav_bytes(0.2)),
    "sound of 0 s": _of_sound(_without_samples),
    "8-bit sound": _of_sound(_tone("u8")),
    "float sound with NaN": _of_sound(_tone("f32")),
    "double sound with NaN": _of_sound(_tone("f64")),
    "every frame at the same time": _same_time,
}
