"""One input through the parsers that the service uses; runs in the confined child."""

from __future__ import annotations

import json
import re
import resource
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from layers.capture.audio import read_audio
from layers.capture.description import parse_description
from layers.capture.errors import MediaError
from layers.capture.images import decode_image, read_header
from layers.capture.limits import CaptureLimits
from layers.capture.load import load_audio_only, load_frames, load_video
from layers.capture.sniff import sniff
from layers.capture.video import VideoReader
from layers.runner import MediaRequest
from service.captures.multipart import CaptureUpload, UploadLimits
from service.captures.prepare import prepare_folder
from service.errors import ApiError
from tests.fuzz.seeds import BOUNDARY

UNTYPED = "UNTYPED"
_LIMITS = CaptureLimits()
_UPLOAD = UploadLimits(10_000_000, 100_000, 20)


@dataclass(frozen=True, slots=True)
class Trial(MediaRequest):
    """An input on disk and what it is given to.

    Parameters
    ----------
    whole
        The whole way to a capture, face tracker included, and not the parser alone.
    """

    target: str = ""
    path: Path = Path()
    whole: bool = False

    def __post_init__(self) -> None:
        """A trial need not be a capture."""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of it; `detail` is what a refusal said, without names and numbers."""

    outcome: str
    seconds: float
    memory_kib: int
    where: str = ""
    detail: str = ""


def tell(trial: MediaRequest) -> Told:
    """Parse, and name the outcome: ``decoded``, the code of a refusal, or an untyped exception."""
    assert isinstance(trial, Trial)
    start = time.perf_counter()
    where = detail = ""
    try:
        (_WHOLE if trial.whole else _PARSERS)[trial.target](trial.path)
        outcome = "decoded"
    except (MediaError, ApiError) as error:
        outcome, detail = error.code, re.sub(r"input|[\d.]+", "", str(error))[:120]
    except MemoryError:
        raise
    except Exception as error:
        outcome = f"{UNTYPED} {type(error).__name__}"
        where = "".join(traceback.format_exception(error)[-3:])
    took_s = time.perf_counter() - start
    return Told(outcome, took_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, where, detail)


def _video(path: Path) -> None:
    container = sniff(path, _LIMITS)
    reader = VideoReader(path, container, _LIMITS)
    try:
        if reader.has_video:
            reader.header()
            reader.expected_frames()
            for _ in reader.pictures():
                pass
    finally:
        reader.close()
    read_audio(path, container, _LIMITS, 0.0)


def _image(path: Path) -> None:
    sniff(path, _LIMITS)
    read_header(path, _LIMITS)
    decode_image(path, _LIMITS.max_side_px)


def _audio(path: Path) -> None:
    read_audio(path, sniff(path, _LIMITS), _LIMITS)


def _description(path: Path) -> None:
    parse_description(path.read_bytes())


def _multipart(path: Path) -> None:
    body = path.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        upload = CaptureUpload(f"multipart/form-data; boundary={BOUNDARY}", Path(folder), _UPLOAD)
        try:
            for at in range(0, len(body), 777):
                upload.write(body[at : at + 777])
            files, text = upload.finish()
        finally:
            upload.abandon()
        described, _ = prepare_folder(Path(folder), files, text, ("neutral", "blink"))
        described.stored("id", Path(folder), "a b c", "en", 1000, 500)


def _frames(path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        name = f"0.{sniff(path, _LIMITS).value}"
        (Path(folder) / name).write_bytes(path.read_bytes())
        text = json.dumps({"version": 1, "frames": [{"file": name, "t_s": 0.0}]})
        (Path(folder) / "capture.json").write_text(text)
        load_frames(Path(folder))


_PARSERS: dict[str, Callable[[Path], object]] = {
    "video": _video,
    "image": _image,
    "audio": _audio,
    "description": _description,
    "multipart": _multipart,
}
_WHOLE: dict[str, Callable[[Path], object]] = {
    **_PARSERS,
    "video": load_video,
    "image": _frames,
    "audio": load_audio_only,
}
