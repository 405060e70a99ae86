"""Every form in which one clip is shown to frame_timing: honest, forged beside it, injected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from layers.capture.types import Capture, Device, MediaKind
from layers.liveness.injection_attacks import (
    as_h264,
    burst,
    each,
    enlarged,
    frozen,
    looped,
    page_times,
    resampled,
    without_noise,
)
from layers.liveness.injection_footage import Footage, capture_of, faceless_track, source_of

# Name, whether it is injected, and the capture.
Form = tuple[str, bool, Capture]
_PAGE_FPS = 8.0
CAMERA = Device("Integrated Camera (0c45:6730)", 1280, 720, 30.0)
_CHROMIUM_TICK_MS, _OTHERS_TICK_MS = 0.1, 1.0


def honest_forms(capture: Capture, chance: np.random.Generator) -> Iterator[Form]:
    """Yield honest captures, and the same pictures with something made up beside them."""
    yield "video as recorded", False, capture
    for fps in (_PAGE_FPS, 15.0, 30.0):
        honest = _taken(capture, chance, fps)
        yield f"burst, {fps:.0f} fps", False, honest
        if fps == _PAGE_FPS:
            yield from _forged(honest)
    yield "burst, 8 fps, 1 ms clock", False, _taken(capture, chance, _PAGE_FPS, _OTHERS_TICK_MS)


def injected_forms(footage: Footage, chance: np.random.Generator) -> Iterator[Form]:
    """Yield pictures that software changed or repeated, as videos and as a page sees them."""
    yield "8 fps burst in JPEG", False, _page(footage, chance, _PAGE_FPS)
    for what, made in _injected(footage):
        yield f"{what}: video", True, _video(made)
        fps = 30.0 if "shown as" in what else _PAGE_FPS
        yield f"{what}: {fps:.0f} fps burst", True, _page(made, chance, fps)
    twice = as_h264(footage.pictures, footage.fps, 30)
    cut = [picture[3:, 5:] for picture in twice]
    yield "compressed twice, cropped between: video", True, _video(Footage(cut, footage.t_s))


def _injected(footage: Footage) -> Iterator[tuple[str, Footage]]:
    yield "15 shown as 30, blended", resampled(footage, 15.0, 30.0, blend=True)
    yield "25 shown as 30, blended", resampled(footage, 25.0, 30.0, blend=True)
    yield "25 shown as 30, repeated", resampled(footage, 25.0, 30.0, blend=False)
    yield "frozen for 2 s", frozen(footage, 0.3 * float(footage.t_s[-1]), 2.0)
    yield "2 s looped", looped(footage, min(2.0, float(footage.t_s[-1]) / 2))
    yield "without noise", without_noise(footage)
    yield "enlarged twice", each(footage, enlarged)


def _forged(honest: Capture) -> Iterator[Form]:
    """Honest pictures, with what is beside them made up."""
    track, source = honest.track, honest.source
    virtual = replace(source, device=replace(CAMERA, label="OBS Virtual Camera"))
    yield "label of a virtual camera", True, replace(honest, source=virtual)
    relay = replace(source, device=replace(CAMERA, label="DroidCam Source 3"))
    yield "label of a phone as a webcam", False, replace(honest, source=relay)
    span_s = float(np.ptp(track.t_s))
    for skew_s, injected in ((2.0, False), (-90.0, False), (3600.0, True)):
        skewed = replace(source, clock_skew_s=skew_s)
        yield f"clock off by {skew_s:.0f} s", injected, replace(honest, source=skewed)
    for open_s, injected in ((span_s + 4.0, False), (span_s - 2.5, True)):
        opened = replace(source, open_s=open_s)
        what = "link open for longer" if not injected else "link open for 2.5 s less"
        yield f"{what} than the capture", injected, replace(honest, source=opened)
    for rate, injected in ((1.0, False), (0.5, True), (1.5, True)):
        streamed = replace(track, received_s=1e9 + 0.2 + rate * track.t_s)
        name = f"receipts, {rate:g} server seconds for one of the client's"
        yield name, injected, replace(honest, track=streamed)


def _taken(
    capture: Capture,
    chance: np.random.Generator,
    fps: float,
    tick_ms: float = _CHROMIUM_TICK_MS,
) -> Capture:
    """Return what a page takes of a camera that shows `capture`: the latest frame at each time."""
    track = capture.track
    t_s = page_times(float(track.t_s[-1]), fps, tick_ms, chance)
    rows = np.clip(np.searchsorted(track.t_s, t_s, side="right") - 1, 0, None)
    page = replace(capture.source, kind=MediaKind.FRAMES, device=CAMERA, metadata={})
    taken = faceless_track(t_s, track.thumbs[rows])
    return replace(capture, source=page, track=taken, sensor=None, images=(), kept=())


def _page(footage: Footage, chance: np.random.Generator, fps: float) -> Capture:
    t_s = page_times(float(footage.t_s[-1]), fps, _CHROMIUM_TICK_MS, chance)
    pictures = burst(footage, t_s)
    return capture_of(pictures, t_s, source_of(pictures, MediaKind.FRAMES, device=CAMERA))


def _video(footage: Footage) -> Capture:
    pictures = as_h264(footage.pictures, footage.fps, 23)
    return capture_of(pictures, footage.t_s, source_of(pictures, MediaKind.VIDEO))
