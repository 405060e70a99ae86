"""How large a capture may be; every limit is checked before, or while, its media is decoded."""

from __future__ import annotations

from dataclasses import dataclass, fields

_MEBI = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """Limits of one capture. A deployment may tighten or widen them.

    Parameters
    ----------
    max_file_bytes
        A minute of 1080p video from a phone has about 150 MB in its worst setting; half of that
        is room for any browser recording.
    max_total_bytes
        All files of one capture together.
    max_image_pixels
        Read from the header before a pixel is decoded. Cameras of phones reach 50 megapixels.
    max_frame_pixels
        Of one video frame: 4K with room for odd sizes.
    max_seconds, max_frames
        A prompted session takes 10 to 20 s; a minute at 30 frames a second is tracked within the
        time the service grants the decoder.
    max_audio_seconds
        Voice alone may be longer: it costs little.
    max_kept_frames, max_kept_pixels
        What stays in memory for the vision layer: an even sample (RGB, three bytes a pixel).
    max_side_px
        Longer images are scaled down to this: the face mesh works on 192 px of face.
    """

    max_file_bytes: int = 80 * _MEBI
    max_total_bytes: int = 120 * _MEBI
    max_image_pixels: int = 50_000_000
    max_frame_pixels: int = 9_000_000
    max_seconds: float = 60.0
    max_frames: int = 1800
    max_audio_seconds: float = 300.0
    max_kept_frames: int = 64
    max_kept_pixels: int = 40_000_000
    max_side_px: int = 1280

    def __post_init__(self) -> None:
        for entry in fields(self):
            if not getattr(self, entry.name) > 0:
                msg = f"{entry.name} must be above 0, got {getattr(self, entry.name)!r}"
                raise ValueError(msg)
