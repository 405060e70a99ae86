"""Small valid inputs of every kind that the service parses, made here."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from tests.layers.capture.media_builders import tone_of, write_sound, write_video, write_wav
from tests.service.service_builders import description

BOUNDARY = "fuzz"
_STEPS = ("neutral", "blink")


def make_seeds(folder: Path) -> dict[str, list[bytes]]:
    """Return seeds by target: video, image, audio, description, multipart."""
    picture = np.random.default_rng(7).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    frames = [np.roll(picture, shift, axis=1) for shift in range(4)]
    videos = [
        write_video(folder / "plain.mp4", frames, sound_s=0.2),
        write_video(folder / "silent.mp4", frames),
        write_video(folder / "plain.webm", frames, codec="libvpx", sound_s=0.2),
    ]
    sounds = [
        write_sound(folder / name, 0.3, codec)
        for name, codec in (("a.flac", "flac"), ("a.ogg", "libopus"), ("a.webm", "libopus"))
    ]
    sounds.append(write_sound(folder / "a.mp3", 0.3, "libmp3lame"))
    sounds += [
        write_wav(folder / f"{kind}.wav", tone_of(0.1, rate), rate, kind)
        for kind, rate in (("u8", 8_000), ("s24", 48_000), ("f32", 16_000), ("f64", 96_000))
    ]
    images = [_image(picture, kind) for kind in ("JPEG", "PNG", "WEBP")]
    text = json.dumps(description(_STEPS)).encode()
    return {
        "video": [path.read_bytes() for path in videos],
        "audio": [path.read_bytes() for path in sounds],
        "image": [*images, _turned(picture)],
        "description": [
            text,
            json.dumps({"version": 1, "frames": [{"file": "a", "t_s": 1e3}]}).encode(),
        ],
        "multipart": [_form(text, images[0], sounds[4].read_bytes())],
    }


def _image(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], kind: str) -> bytes:
    buffer = io.BytesIO()
    Pil.fromarray(picture).save(buffer, kind)
    return buffer.getvalue()


def _turned(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    """A picture with EXIF: its parser is one more."""
    buffer = io.BytesIO()
    exif = Pil.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    Pil.fromarray(picture).save(buffer, "JPEG", exif=exif, progressive=True)
    return buffer.getvalue()


def _form(text: bytes, frame: bytes, sound: bytes) -> bytes:
    parts = [
        (f'name="frames"; filename="{number}.jpg"', "image/jpeg", frame) for number in range(2)
    ]
    parts.append(('name="audio"; filename="voice.wav"', "audio/wav", sound))
    parts.append(('name="capture"', "application/json", text))
    body = b""
    for disposition, kind, content in parts:
        head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n"
        body += f"{head}Content-Type: {kind}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()
