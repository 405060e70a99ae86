"""The capture JSON on the wire: which file was taken when, and during which step.

The same object is ``capture.json`` on the command line (`layers.capture.description`); here a
video may stand for the frames.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from layers.capture.description import (
    AudioDescription,
    DeviceDescription,
    FrameDescription,
    PromptDescription,
)
from layers.capture.types import Challenge, Prompt
from service.analyser import StoredCapture

# Only compared with the parts' names and never a path: freer than on the command line.
FileName = Annotated[
    str, Field(min_length=1, max_length=200, description="File name of the part, as it was sent.")
]


class FrameEntry(FrameDescription):
    """One picture."""

    file: FileName


class AudioEntry(AudioDescription):
    """The sound file."""

    file: FileName


_EXAMPLE: JsonDict = {
    "version": 1,
    "frames": [
        {"file": "0.jpg", "t_s": 0.0, "step": "neutral"},
        {"file": "1.jpg", "t_s": 0.12, "step": "neutral"},
    ],
    "prompts": [
        {"step": "neutral", "t_s": 0.0},
        {"step": "turn_left", "t_s": 1.6},
        {"step": "speak", "t_s": 3.9},
        {"step": "blink", "t_s": 7.4},
        {"step": "turn_right", "t_s": 9.2},
    ],
    "audio": {"file": "audio.webm", "start_s": 0.05},
    "client_time_s": 1795166400.25,
    "mirrored": False,
    "device": {"label": "USB Camera (046d:0825)", "width": 1280, "height": 720, "frame_rate": 30},
}


class CaptureDescription(BaseModel):
    """What the files of a capture are: sent as the form field `capture`."""

    # A newer client may send more: the contract only grows.
    model_config = ConfigDict(
        extra="ignore", frozen=True, json_schema_extra={"examples": [_EXAMPLE]}
    )

    version: Literal[1] = 1
    frames: list[FrameEntry] = Field(
        default_factory=list,
        max_length=3600,
        description="One entry per picture; empty when a video is sent.",
    )
    prompts: list[PromptDescription] = Field(
        default_factory=list,
        max_length=100,
        description="Every step of the challenge. Without it the frames' steps count.",
    )
    audio: AudioEntry | None = None
    client_time_s: float | None = Field(
        None,
        allow_inf_nan=False,
        description="The client's clock at t_s = 0, in seconds since 1970.",
    )
    mirrored: bool = Field(False, description="True when pictures are stored as in a mirror.")
    device: DeviceDescription | None = Field(
        None, description="The camera, as the browser describes it: the capture page sends it."
    )

    @property
    def step_order(self) -> list[str]:
        """The steps in the order they were asked for; one that comes back counts again."""
        if self.prompts:
            prompts = sorted(self.prompts, key=lambda one: one.t_s)
            return [str(prompt.step) for prompt in prompts]
        frames = sorted(self.frames, key=lambda one: one.t_s)
        shown = (frame.step for frame in frames if frame.step is not None)
        return [str(step) for step, _ in groupby(shown)]

    def stored(
        self,
        capture_id: str,
        folder: Path,
        phrase: str,
        language: str,
        received_ms: int,
        opened_ms: int,
    ) -> StoredCapture:
        """Return the capture in `folder` with what the service asked, at the times shown."""
        prompts = tuple(Prompt(prompt.step, prompt.t_s) for prompt in self.prompts)
        return StoredCapture(
            capture_id,
            folder,
            Challenge(phrase, prompts, self.mirrored, language),
            received_ms / 1000,
            audio_start_s=0.0 if self.audio is None else self.audio.start_s,
            client_time_s=self.client_time_s,
            device=None if self.device is None else self.device.device(),
            open_s=(received_ms - opened_ms) / 1000,
        )
