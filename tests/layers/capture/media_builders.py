"""Media files made in the test: portraits as pictures and videos, tones as sound."""

from __future__ import annotations

import json
import struct
import wave
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image as Pil
from skimage import data

from layers.capture.types import Image


@cache
def portrait() -> Image:
    """A face that scikit-image ships, in 320 by 240 pixels."""
    astronaut: Callable[[], Image] = data.astronaut
    return np.ascontiguousarray(astronaut()[0:240, 70:390])


@cache
def two_portraits() -> Image:
    return np.ascontiguousarray(np.hstack([portrait(), portrait()]))


@cache
def empty_room() -> Image:
    ramp = np.linspace(60, 160, 320).astype(np.uint8)
    return np.broadcast_to(ramp[None, :, None], (240, 320, 3)).copy()


def write_video(
    path: Path,
    images: Sequence[Image],
    *,
    times_ms: Sequence[int] | None = None,
    fps: int = 15,
    sound_s: float = 0.0,
    codec: str = "mpeg4",
) -> Path:
    """Write a video; `times_ms` makes the frame rate variable."""
    with av.open(str(path), "w") as target:
        stream: Any = target.add_stream(codec, rate=fps)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        sound: Any = target.add_stream("aac" if codec == "mpeg4" else "libopus", rate=48_000)
        moments = times_ms or [round(1000 * k / fps) for k in range(len(images))]
        for image, moment in zip(images, moments, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = moment, Fraction(1, 1000)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
        if sound_s:
            tone = tone_of(sound_s, 48_000)[None]
            heard = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            heard.sample_rate = 48_000
            target.mux(sound.encode(heard))
            target.mux(sound.encode(None))
    return path


def turn_for_display(path: Path, degrees: int) -> Path:
    """Set the display matrix of an MP4 file: turned clockwise by 90 or 180 degrees."""
    one, half = 0x10000, 0x40000000
    matrix = {90: (0, one, 0, -one, 0, 0, 0, 0, half), 180: (-one, 0, 0, 0, -one, 0, 0, 0, half)}
    data = path.read_bytes()
    plain = struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, half)
    head = data.index(b"tkhd")
    at = data.index(plain, head)
    path.write_bytes(data[:at] + struct.pack(">9i", *matrix[degrees]) + data[at + len(plain) :])
    return path


def tone_of(seconds: float, rate_hz: int, amplitude: float = 0.5) -> npt.NDArray[np.float32]:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.asarray(amplitude * np.sin(2 * np.pi * 440.0 * t), np.float32)


def write_wav(path: Path, values: npt.NDArray[np.float32], rate_hz: int, kind: str) -> Path:
    """Write a WAV file as ``u8``, ``s16``, ``s24``, ``f32`` or ``f64``."""
    if kind in ("f32", "f64"):
        body = values.astype("<f4" if kind == "f32" else "<f8").tobytes()
        width = 4 if kind == "f32" else 8
        form = struct.pack("<HHIIHH", 3, 1, rate_hz, rate_hz * width, width, 8 * width)
        chunks = (
            b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(body)) + body
        )
        path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
        return path
    width = {"u8": 1, "s16": 2, "s24": 3}[kind]
    whole = np.round(values * (2 ** (8 * width - 1) - 1)).astype(np.int32)
    if kind == "u8":
        body = (whole + 128).astype(np.uint8).tobytes()
    else:
        body = whole.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    with wave.open(str(path), "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(width)
        target.setframerate(rate_hz)
        target.writeframes(body)
    return path


def write_sound(path: Path, seconds: float, codec: str, rate_hz: int = 48_000) -> Path:
    """Write a tone in stereo with one of FFmpeg's encoders."""
    with av.open(str(path), "w") as target:
        stream: Any = target.add_stream(codec, rate=rate_hz)
        stream.layout = "stereo"
        tone = tone_of(seconds, rate_hz)
        frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
        frame.sample_rate = rate_hz
        own = av.AudioResampler(format=stream.format, layout="stereo", rate=rate_hz)
        for part in own.resample(frame):
            target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    return path


def png_bomb(path: Path, side: int) -> Path:
    """Write a PNG of side by side black pixels in a few kilobytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    squeeze = zlib.compressobj(9)
    line = bytes(1 + side // 8)
    body = b"".join(squeeze.compress(line * 1000) for _ in range(side // 1000)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )
    return path


def write_capture(
    folder: Path, images: Sequence[Image], *, gap_s: float = 0.1, **extra: object
) -> Path:
    """Write JPEG frames with their capture.json; `extra` goes into it."""
    frames = []
    for number, image in enumerate(images):
        Pil.fromarray(image).save(folder / f"{number}.jpg", quality=90)
        frames.append({"file": f"{number}.jpg", "t_s": round(number * gap_s, 4)})
    description = {"version": 1, "frames": frames, **extra}
    (folder / "capture.json").write_text(json.dumps(description))
    return folder
