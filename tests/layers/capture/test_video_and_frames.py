"""Pictures and videos to one Capture: rotation, times, faces, the even sample of pixels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageFilter

from layers.capture.collect import EvenSample
from layers.capture.images import decode_image
from layers.capture.limits import CaptureLimits
from layers.capture.load import load_frames, load_image, load_media, load_video
from layers.capture.types import Capture, Challenge, MediaKind, Prompt, Step
from tests.layers.capture.media_builders import (
    empty_room,
    portrait,
    tone_of,
    turn_for_display,
    two_portraits,
    write_capture,
    write_video,
    write_wav,
)


def _codes(capture: Capture) -> list[str]:
    return [finding.code for finding in capture.findings]


def test_a_video_is_tracked_on_every_frame(tmp_path: Path) -> None:
    capture = load_video(write_video(tmp_path / "a.mp4", [portrait()] * 12))
    track = capture.track
    assert track.found.all()
    assert (track.n_faces == 1).all()
    assert np.allclose(np.diff(track.t_s), 1 / 15, atol=1e-3)
    assert track.t_s[0] == 0.0
    assert (capture.source.kind, capture.source.container) == (MediaKind.VIDEO, "mov")
    assert (capture.source.width_px, capture.source.height_px) == (320, 240)
    inside = track.landmarks[:, :468, :2]
    assert inside.min() > 0
    assert (inside.max(axis=(0, 1)) < (320, 240)).all()


def test_the_same_video_gives_the_same_capture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [portrait()] * 6)
    first, second = load_video(path), load_video(path)
    assert np.array_equal(first.track.landmarks, second.track.landmarks)
    assert np.array_equal(first.track.thumbs, second.track.thumbs)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.webm"])
def test_containers(tmp_path: Path, name: str) -> None:
    codec = "libvpx" if name.endswith("webm") else "mpeg4"
    capture = load_media(write_video(tmp_path / name, [empty_room()] * 5, codec=codec))
    assert len(capture.track) == 5
    assert "NO_FACE" in _codes(capture)
    assert next(one for one in capture.findings if one.code == "NO_FACE").refuses


@pytest.mark.parametrize(("degrees", "quarters"), [(90, 1), (180, 2)])
def test_a_rotated_video_is_turned_upright(tmp_path: Path, degrees: int, quarters: int) -> None:
    lying = np.ascontiguousarray(np.rot90(portrait(), quarters))  # counterclockwise
    path = turn_for_display(write_video(tmp_path / "a.mp4", [lying] * 4), degrees)
    capture = load_video(path)
    assert capture.source.rotation_deg == degrees
    assert (capture.source.width_px, capture.source.height_px) == (320, 240)
    assert capture.images[0].shape == (240, 320, 3)
    assert capture.track.found.all()
    assert abs(capture.track.roll_deg).max() < 20
    difference = np.abs(capture.images[0].astype(int) - portrait()).mean()
    assert difference < 10, "compression only"


def test_variable_frame_rate_keeps_the_files_own_times(tmp_path: Path) -> None:
    times_ms = [0, 33, 66, 200, 233, 400, 401]
    path = write_video(tmp_path / "a.mp4", [empty_room()] * 7, times_ms=times_ms)
    assert load_video(path).track.t_s == pytest.approx(np.array(times_ms) / 1000, abs=1e-3)


def test_two_faces_are_counted_and_the_largest_is_followed(tmp_path: Path) -> None:
    capture = load_video(write_video(tmp_path / "a.mp4", [two_portraits()] * 8))
    assert (capture.track.n_faces == 2).all()
    finding = next(one for one in capture.findings if one.code == "SEVERAL_FACES")
    assert finding.refuses
    assert finding.hint
    small = np.zeros((240, 640, 3), np.uint8)
    small[24:240, :288] = np.asarray(Pil.fromarray(portrait()).resize((288, 216)))
    small[:, 320:] = portrait()
    one = load_frames(write_capture(tmp_path, [small])).track
    assert one.n_faces[0] == 2
    assert one.landmarks[0, :, 0].mean() > 320


def test_steps_of_a_video_follow_the_prompts(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [empty_room()] * 6, fps=10)
    prompts = (Prompt(Step.BLINK, 0.1), Prompt(Step.SPEAK, 0.4))
    track = load_video(path, challenge=Challenge(prompts=prompts)).track
    blink, speak = Step.BLINK, Step.SPEAK
    assert track.steps == (None, blink, blink, blink, speak, speak)


def test_a_video_with_its_own_sound_file_and_clock(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [empty_room()] * 5, fps=10)
    write_wav(tmp_path / "a.wav", tone_of(0.6, 16_000), 16_000, "s16")
    capture = load_video(
        path,
        audio_path=tmp_path / "a.wav",
        audio_start_s=1.25,
        client_time_s=1000.0,
        received_s=(1003.4,),
    )
    assert capture.audio is not None
    assert capture.audio.offset_s == 1.25
    assert capture.source.clock_skew_s == pytest.approx(3.0), "the last picture is of 1000.4"
    assert np.isnan(load_video(path, received_s=(1003.4,)).source.clock_skew_s)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    quarters = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]
    exif = Pil.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    Pil.fromarray(np.rot90(portrait(), quarters).copy()).save(path, exif=exif, quality=95)
    capture = load_image(path)
    assert capture.images[0].shape == (240, 320, 3)
    assert np.abs(capture.images[0].astype(int) - portrait()).mean() < 5
    assert capture.source.rotation_deg == {1: 0, 3: 180, 6: 90, 8: 270}[orientation]
    assert (capture.source.width_px, capture.source.height_px) == (320, 240)


def test_a_damaged_exif_tag_beside_a_good_orientation_harms_nothing(tmp_path: Path) -> None:
    exif = Pil.Exif()
    exif[0x0112] = 6
    exif[0x011A] = 72.0
    path = tmp_path / "a.jpg"
    Pil.fromarray(np.rot90(portrait()).copy()).save(path, exif=exif, quality=95)
    content = path.read_bytes()
    resolution = bytes.fromhex("011a0005")
    assert content.count(resolution) == 1
    # A rational number that is said to be a whole one: Pillow reads it and can't write it again.
    path.write_bytes(content.replace(resolution, bytes.fromhex("011a0007")))
    assert np.abs(load_image(path).images[0].astype(int) - portrait()).mean() < 5


@pytest.mark.parametrize("orientation", [2, 4, 5, 7])
def test_mirrored_orientations(tmp_path: Path, orientation: int) -> None:
    stored = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5
    exif = Pil.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    Pil.fromarray(stored).save(path, exif=exif)
    shown = {
        2: stored[:, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
    }
    assert np.array_equal(decode_image(path, 64), shown[orientation])


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_other_pictures(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    Pil.fromarray(portrait()).convert("RGBA" if kind == "png" else "RGB").save(path)
    assert load_media(path).track.found.all()


def test_a_portrait_cut_at_the_hairline_is_found(tmp_path: Path) -> None:
    whole = load_image(_saved(tmp_path / "a.png", portrait()))
    x0, y0 = whole.track.landmarks[0, :, :2].min(axis=0).astype(int)
    x1, y1 = whole.track.landmarks[0, :, :2].max(axis=0).astype(int)
    tight = load_image(_saved(tmp_path / "b.png", portrait()[y0:y1, x0:x1]))
    assert tight.track.found.all()
    moved = tight.track.landmarks[0, :, :2] + (x0, y0)
    assert np.abs(moved - whole.track.landmarks[0, :, :2]).mean() < 6


def _saved(path: Path, image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Path:
    Pil.fromarray(np.ascontiguousarray(image)).save(path)
    return path


def test_large_pictures_are_scaled_to_the_working_size(tmp_path: Path) -> None:
    large = np.asarray(Pil.fromarray(portrait()).resize((2560, 1920)))
    path = tmp_path / "a.jpg"
    Pil.fromarray(large).save(path)
    capture = load_image(path)
    assert capture.images[0].shape == (960, 1280, 3)
    assert capture.source.width_px == 2560
    assert capture.track.landmarks[..., 0].max() < 1280


def test_frames_with_steps_sound_and_clock(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", tone_of(0.6, 16_000), 16_000, "s16")
    folder = write_capture(
        tmp_path,
        [portrait()] * 3,
        gap_s=0.5,
        prompts=[{"step": "blink", "t_s": 0.4}],
        audio={"file": "a.wav", "start_s": 0.25},
        client_time_s=1000.0,
        mirrored=True,
        phrase="one two three",
        colour="additive fields are allowed",
    )
    description = json.loads((folder / "capture.json").read_text())
    description["frames"][1]["step"] = "blink"
    (folder / "capture.json").write_text(json.dumps(description))
    capture = load_frames(folder, received_s=(1003.5,))
    assert capture.track.steps == (None, Step.BLINK, None)
    assert capture.challenge == Challenge("one two three", (Prompt(Step.BLINK, 0.4),), True)
    assert capture.audio is not None
    assert capture.audio.offset_s == 0.25
    assert capture.source.clock_skew_s == pytest.approx(3.5 - 1.0), "sent at 1001.0"
    asked = load_frames(folder, challenge=Challenge("other words"))
    assert asked.challenge == Challenge("other words"), "the server's challenge replaces all"
    assert load_frames(folder, phrase="two").challenge.phrase == "two"
    with pytest.raises(ValueError, match="received_s"):
        load_frames(folder, received_s=(1.0, 2.0))


def test_a_dark_and_a_blurred_face_have_hints(tmp_path: Path) -> None:
    dark = (portrait() * 0.2).astype(np.uint8)
    assert "TOO_DARK" in _codes(load_image(_saved(tmp_path / "a.png", dark)))
    blurred = np.asarray(Pil.fromarray(portrait()).filter(ImageFilter.GaussianBlur(3)))
    findings = load_image(_saved(tmp_path / "b.png", blurred)).findings
    assert "BLURRED" in [finding.code for finding in findings]
    assert all(finding.hint for finding in findings)


def test_a_good_capture_has_no_findings(tmp_path: Path) -> None:
    large = np.asarray(Pil.fromarray(portrait()).resize((640, 480)))
    assert load_frames(write_capture(tmp_path, [large] * 2)).findings == ()


@pytest.mark.parametrize(("n", "expected"), [(10, 0), (64, 0), (65, 0), (500, 0), (500, 500)])
def test_the_sample_is_even_and_bounded(n: int, expected: int) -> None:
    sample = EvenSample(CaptureLimits(), expected)
    image = np.zeros((4, 4, 3), np.uint8)
    for _ in range(n):
        sample.offer(image)
    assert min(n, 32) <= len(sample.images) <= 64
    assert len(sample.images) == len(sample.indices)
    assert len(set(np.diff(sample.indices))) <= 1


def test_the_sample_keeps_to_its_pixels() -> None:
    limits = replace(CaptureLimits(), max_kept_pixels=10 * 16)
    sample = EvenSample(limits, 40)
    for _ in range(40):
        sample.offer(np.zeros((4, 4, 3), np.uint8))
    assert len(sample.images) == 10
