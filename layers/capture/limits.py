"""How much media is taken, checked before and while decoding; each limit with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """Upper bounds on what is decoded.

    Parameters
    ----------
    max_file_bytes
        Per file: a minute of 1080p phone video stays below it.
    max_image_px
        Per picture, read from its header: no webcam and few phones exceed 25 megapixels.
    max_video_px
        Per video frame: 4K.
    max_duration_s
        A session takes seconds; a minute leaves room for slow readers.
    max_frames
        Track rows: a minute at 60 frames per second.
    working_side_px
        The long side is scaled down to this before tracking: the face model sees 192 px anyway,
        and artefacts that a 4K sensor alone resolves are not in what a browser sends.
    kept_images, kept_px
        Pixels stay in memory for at most so many frames, evenly spread.
    """

    max_file_bytes: int = 64 * 1024 * 1024
    max_image_px: int = 25_000_000
    max_video_px: int = 3840 * 2160
    max_duration_s: float = 60.0
    max_frames: int = 3600
    max_audio_s: float = 120.0
    working_side_px: int = 1280
    kept_images: int = 64
    kept_px: int = 64 * 1280 * 720
