"""What any camera and encoder may do to a picture, alike for both classes: light, noise, H.264."""

from __future__ import annotations

import io

import av
import cv2
import numpy as np
import numpy.typing as npt

from layers.capture.types import Image
from layers.vision.training.self_blend import Generator, jpeg, noisy, resampled, sharpened


def filmed(random: Generator, rgb: Image) -> Image:
    """One random camera, light and encode."""
    chance = random.random(6)
    rgb = _optics(random, rgb, chance)
    if chance[3] < 0.35:
        rgb = resampled(random, rgb, 0.5, 0.95)
    if chance[4] < 0.3:
        rgb = lit(rgb, random.uniform(0.6, 1.6), random.uniform(0.7, 1.1))
    if chance[5] < 0.35:
        return jpeg(rgb, int(random.integers(35, 96)))
    return h264(rgb, int(random.integers(18, 36))) if chance[5] < 0.8 else rgb


def recorded(random: Generator, rgb: Image) -> Image:
    """One random camera and JPEG: milder than `filmed`, which the small network does not learn."""
    chance = random.random(5)
    rgb = _optics(random, rgb, chance)
    if chance[3] < 0.3:
        rgb = resampled(random, rgb, 0.6, 0.95)
    if chance[4] < 0.75:
        rgb = jpeg(rgb, int(random.integers(35, 96)))
    return rgb


def lit(rgb: Image, gamma: float, gain: float) -> Image:
    """Another exposure."""
    values = (rgb.astype(np.float32) / 255) ** gamma * 255 * gain
    return np.clip(values, 0, 255).astype(np.uint8)


def h264(rgb: Image, rate_factor: int) -> Image:
    """One key frame of H.264 and back; the sides must be even."""
    store = io.BytesIO()
    with av.open(store, "w", format="mp4") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = rgb.shape[1], rgb.shape[0], "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"crf": str(rate_factor), "preset": "veryfast", "tune": "zerolatency"}
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode()]:
            file.mux(packet)
    store.seek(0)
    with av.open(store, mode="r", format="mp4") as coded:
        return next(coded.decode(video=0)).to_ndarray(format="rgb24").astype(np.uint8)


def _optics(random: Generator, rgb: Image, chance: npt.NDArray[np.float64]) -> Image:
    if chance[0] < 0.3:
        rgb = cv2.GaussianBlur(rgb, (0, 0), random.uniform(0.3, 0.9)).astype(np.uint8)
    if chance[1] < 0.3:
        rgb = noisy(random, rgb, random.uniform(1, 5), random.uniform(0.3, 0.8))
    if chance[2] < 0.2:
        rgb = sharpened(rgb, 1.2, random.uniform(0.2, 0.8))
    return rgb
