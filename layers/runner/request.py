"""What to analyse: paths and the challenge, small enough to hand to a child process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from layers.capture.limits import CaptureLimits
from layers.capture.types import Challenge, Device
from verdict.policy import Policy


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """Where the media lies and what was asked.

    Parameters
    ----------
    video, audio
        A recording, and a sound file that takes the place of its sound track. Sound alone is
        allowed.
    frames
        A folder with images and their ``capture.json``; excludes `video`.
    challenge
        What was asked; what it leaves open is taken from ``capture.json``.
    audio_start_s, client_time_s
        Of a video: when the first sample of `audio` was recorded, in seconds of the capture, and
        the client's Unix time at its first picture. A folder of frames says both itself.
    received_s
        Unix time on the server's clock at which the upload was complete, or each frame arrived.
    open_s
        How long the link had been open by then, on the server's clock.
    device
        What the page said of the camera that took a video; a folder of frames says it itself.
    policy
        Decides on quality findings; the shipped one when not given.
    """

    video: Path | None = None
    audio: Path | None = None
    frames: Path | None = None
    challenge: Challenge = field(default_factory=Challenge)
    limits: CaptureLimits = field(default_factory=CaptureLimits)
    audio_start_s: float = 0.0
    client_time_s: float | None = None
    received_s: tuple[float, ...] | None = None
    open_s: float = float("nan")
    device: Device | None = None
    policy: Policy | None = None

    def __post_init__(self) -> None:
        if self.video is not None and self.frames is not None:
            msg = "give either a video or a folder of frames, not both"
            raise ValueError(msg)
        if self.video is None and self.frames is None and self.audio is None:
            msg = "nothing to analyse: give a video, a folder of frames or a sound file"
            raise ValueError(msg)
