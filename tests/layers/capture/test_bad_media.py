"""Every bad input has its own clear error, and is refused before it costs anything."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from layers.capture.errors import (
    CaptureDescriptionError,
    EmptyMediaError,
    MediaError,
    MediaLimitError,
    UnreadableMediaError,
)
from layers.capture.limits import CaptureLimits
from layers.capture.load import load_audio_only, load_frames, load_image, load_media, load_video
from tests.layers.capture.media_builders import (
    empty_room,
    png_bomb,
    tone_of,
    write_capture,
    write_video,
    write_wav,
)


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.touch()
    for load in (load_video, load_audio_only, load_image, load_media):
        with pytest.raises(EmptyMediaError, match="record it again"):
            load(path)


def test_text_called_mp4(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("#EXTM3U\nhttp://example.org/other.mp4\n" * 100)
    with pytest.raises(UnreadableMediaError, match="send JPEG, PNG or WebP"):
        load_video(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMediaError, match="check the path"):
        load_video(tmp_path / "nothing.mp4")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_mp4(tmp_path: Path, share: float) -> None:
    path = write_video(tmp_path / "a.mp4", [empty_room()] * 20, sound_s=1.0)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(UnreadableMediaError, match="cut off"):
        load_video(path)


def test_a_truncated_webm_has_what_was_received(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.webm", [empty_room()] * 30, codec="libvpx")
    data = path.read_bytes()
    path.write_bytes(data[:20])
    with pytest.raises(UnreadableMediaError, match="record it again"):
        load_video(path)


def test_an_mp4_of_a_million_empty_boxes_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(
        b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00" + 1_000_000 * b"\x00\x00\x00\x08free"
    )
    start = time.process_time()
    with pytest.raises(UnreadableMediaError, match="damaged"):
        load_video(path)
    assert time.process_time() - start < 0.5


def test_a_video_in_a_codec_that_nobody_knows(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [empty_room()] * 3, sound_s=0.5)
    data = path.read_bytes()
    for kind, load in ((b"mp4v", load_video), (b"mp4a", load_audio_only)):
        changed = bytearray(data.replace(kind, b"zzzz"))
        says = changed.index(b"\x04\x80\x80\x80", changed.index(b"zzzz")) + 5
        changed[says] = 0xFE  # the object type, which names the codec once more
        path.write_bytes(changed)
        with pytest.raises(UnreadableMediaError, match="another browser"):
            load(path)


def test_garbage_after_a_good_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    path.write_bytes(b"\x1a\x45\xdf\xa3" + np.random.default_rng(0).bytes(5000))
    with pytest.raises(UnreadableMediaError):
        load_video(path)


def test_a_200_megapixel_jpeg_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Pil.new("L", (64, 64)).save(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xc0") + 5  # start of frame: height and width in two bytes each
    data[at : at + 4] = (20_000).to_bytes(2, "big") + (10_000).to_bytes(2, "big")
    path.write_bytes(bytes(data))
    start = time.perf_counter()
    with pytest.raises(MediaLimitError, match="megapixels"):
        load_image(path)
    assert time.perf_counter() - start < 3.0, "to decode it takes far longer"


@pytest.mark.parametrize("side", [8_000, 12_000, 30_000])
def test_a_png_bomb_is_refused_by_its_header(tmp_path: Path, side: int) -> None:
    path = png_bomb(tmp_path / "a.png", side)
    assert path.stat().st_size < 200_000
    start = time.perf_counter()
    with pytest.raises(MediaLimitError, match="megapixels"):
        load_image(path)
    assert time.perf_counter() - start < 3.0, "to decode it takes far longer"


def test_a_cut_off_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Pil.fromarray(empty_room()).save(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(UnreadableMediaError, match="take it again"):
        load_image(path)


def test_kinds_that_do_not_fit(tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    Pil.fromarray(empty_room()).save(picture)
    sound = write_wav(tmp_path / "a.wav", tone_of(0.5, 16_000), 16_000, "s16")
    silent = write_video(tmp_path / "a.mp4", [empty_room()] * 3)
    with pytest.raises(UnreadableMediaError, match="is a picture"):
        load_audio_only(picture)
    with pytest.raises(UnreadableMediaError, match="sound only"):
        load_video(sound)
    with pytest.raises(UnreadableMediaError, match="no sound"):
        load_audio_only(silent)


@pytest.mark.parametrize(
    "limits",
    [
        CaptureLimits(max_file_bytes=500),
        CaptureLimits(max_total_bytes=500),
        CaptureLimits(max_frames=10),
        CaptureLimits(max_seconds=0.5),
        CaptureLimits(max_frame_pixels=320 * 240 - 1),
    ],
    ids=["file", "total", "frames", "seconds", "pixels"],
)
def test_limits_of_a_video(tmp_path: Path, limits: CaptureLimits) -> None:
    path = write_video(tmp_path / "a.mp4", [empty_room()] * 20)
    with pytest.raises(MediaLimitError):
        load_video(path, limits=limits)


def test_limits_of_sound(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tone_of(3.0, 8_000), 8_000, "u8")
    with pytest.raises(MediaLimitError, match="shorter recording"):
        load_audio_only(path, limits=CaptureLimits(max_audio_seconds=2.0))


def test_limits_of_frames(tmp_path: Path) -> None:
    folder = write_capture(tmp_path, [empty_room()] * 3, gap_s=40.0)
    with pytest.raises(MediaLimitError, match="span 80 s"):
        load_frames(folder)
    with pytest.raises(MediaLimitError, match="3 frames"):
        load_frames(folder, limits=CaptureLimits(max_frames=2))


def test_limits_must_be_positive() -> None:
    with pytest.raises(ValueError, match="max_frames"):
        CaptureLimits(max_frames=0)


def _described(folder: Path, **changes: object) -> Path:
    write_capture(folder, [empty_room()] * 2)
    path = folder / "capture.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


FRAME = {"file": "0.jpg", "t_s": 0.0}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"frames": []}, "frames"),
        ({"frames": [FRAME, {**FRAME, "t_s": 1.0}]}, "named once"),
        ({"frames": [{"file": "../0.jpg", "t_s": 0.0}]}, "file"),
        ({"frames": [{"file": "/etc/hostname", "t_s": 0.0}]}, "file"),
        ({"frames": [{"file": "9.jpg", "t_s": 0.0}]}, "not there"),
        ({"frames": [{**FRAME, "t_s": -1.0}]}, "t_s"),
        ({"frames": [{**FRAME, "step": "jump"}]}, "step"),
        ({"audio": {"file": "none.wav"}}, "not there"),
        ({"version": 2}, "version"),
    ],
)
def test_a_capture_json_that_does_not_fit(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(CaptureDescriptionError, match=says):
        load_frames(_described(tmp_path, **changes))


def test_no_capture_json(tmp_path: Path) -> None:
    with pytest.raises(CaptureDescriptionError, match=r"capture\.json"):
        load_frames(tmp_path)
    with pytest.raises(UnreadableMediaError, match="not a folder"):
        load_frames(tmp_path / "nowhere")


def test_broken_capture_json(tmp_path: Path) -> None:
    (tmp_path / "capture.json").write_text("{")
    with pytest.raises(CaptureDescriptionError):
        load_frames(tmp_path)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    _described(folder)
    outside = tmp_path / "outside.jpg"
    (folder / "0.jpg").rename(outside)
    (folder / "0.jpg").symlink_to(outside)
    with pytest.raises(CaptureDescriptionError, match="link"):
        load_frames(folder)


def test_every_error_has_a_stable_code() -> None:
    codes = {error.code for error in MediaError.__subclasses__()}
    assert codes == {
        "EMPTY_FILE",
        "UNREADABLE_MEDIA",
        "MEDIA_TOO_LARGE",
        "BAD_CAPTURE_JSON",
        "DECODE_TIMED_OUT",
    }
