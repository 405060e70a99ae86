"""Where the media came from: what the file says, what the page said of its camera, receipts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class MediaKind(StrEnum):
    """How the frames arrived."""

    VIDEO = "video"
    FRAMES = "frames"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Device:
    """What a browser says of its camera: nothing that an attacker's own client couldn't forge.

    Parameters
    ----------
    label
        ``MediaStreamTrack.label``. May hold a person's name ("Ada's iPhone"): not for logs.
    width_px, height_px, fps
        ``MediaStreamTrack.getSettings()``; 0 where it does not say.
    """

    label: str = ""
    width_px: int = 0
    height_px: int = 0
    fps: float = 0.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where the media came from, as far as the file itself says.

    Parameters
    ----------
    clock_skew_s
        Server receipt minus client clock, NaN when either is unknown.
    open_s
        How long the link had been open on the server's clock when the capture arrived; NaN when
        not known.
    device
        None where no page spoke of its camera: its times need not be a browser's either.
    """

    kind: MediaKind
    width_px: int = 0
    height_px: int = 0
    rotation_deg: int = 0
    nominal_fps: float = 0.0
    container: str = ""
    video_codec: str = ""
    clock_skew_s: float = float("nan")
    metadata: Mapping[str, str] = field(default_factory=dict)
    open_s: float = float("nan")
    device: Device | None = None
