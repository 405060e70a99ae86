"""capture.json: times, steps and file names of a capture, as a documented schema."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from layers.capture.errors import CaptureDescriptionError
from layers.capture.types import Challenge, Device, Prompt, Step

FileName = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$",
        description="Bare file name as uploaded: letters, digits, dot, dash, underscore.",
    ),
]
Seconds = Annotated[
    float,
    Field(ge=0, le=3600, allow_inf_nan=False, description="Seconds on the capture's own clock."),
]


class _Described(BaseModel):
    # Fields that a newer client adds are passed over, as everywhere on the wire.
    model_config = ConfigDict(extra="ignore", frozen=True)


class FrameDescription(_Described):
    """One frame."""

    file: FileName
    t_s: Seconds
    step: Step | None = Field(None, description="The step during which it was taken.")


class PromptDescription(_Described):
    """When the page asked for a step."""

    step: Step
    t_s: Seconds


class AudioDescription(_Described):
    """The sound file."""

    file: FileName
    start_s: float = Field(
        0.0, ge=-60, le=3600, allow_inf_nan=False, description="Capture time of its first sample."
    )


class DeviceDescription(_Described):
    """What a browser says of its camera."""

    label: str = Field("", max_length=300, description="`MediaStreamTrack.label`.")
    width: int = Field(0, ge=0, le=100_000, description="Of its `getSettings()`; so are the next.")
    height: int = Field(0, ge=0, le=100_000)
    frame_rate: float = Field(0.0, ge=0, le=10_000, allow_inf_nan=False)

    def device(self) -> Device:
        """Return it as the layers know it."""
        return Device(self.label, self.width, self.height, self.frame_rate)


class CaptureDescription(_Described):
    """What ``capture`` carries over HTTP and ``capture.json`` on the command line."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "version": 1,
                    "frames": [
                        {"file": "f000.jpg", "t_s": 0.0, "step": "neutral"},
                        {"file": "f001.jpg", "t_s": 1.4, "step": "blink"},
                    ],
                    "prompts": [{"step": "blink", "t_s": 1.0}],
                    "audio": {"file": "phrase.webm", "start_s": 4.0},
                    "client_time_s": 1795168800.0,
                    "mirrored": False,
                    "device": {"label": "USB Camera (046d:0825)", "width": 1280, "height": 720},
                }
            ]
        },
    )

    version: Literal[1] = Field(1, description="Version of this schema.")
    frames: list[FrameDescription] = Field(min_length=1, max_length=3600)
    prompts: list[PromptDescription] = Field(default_factory=list, max_length=100)
    audio: AudioDescription | None = None
    client_time_s: float | None = Field(
        None, allow_inf_nan=False, description="Unix time of the client's clock at t_s = 0."
    )
    mirrored: bool = Field(False, description="True when frames are stored as in a mirror.")
    device: DeviceDescription | None = Field(
        None, description="The camera, as the browser describes it: the capture page sends it."
    )
    phrase: str | None = Field(
        None,
        max_length=200,
        description="Words that were asked; on the command line only: a service asks its own.",
    )

    @model_validator(mode="after")
    def _files_are_named_once(self) -> CaptureDescription:
        named = Counter(frame.file for frame in self.frames)
        doubled = sorted(name for name, count in named.items() if count > 1)
        if doubled:
            msg = f"frames: each file may be named once, found twice: {', '.join(doubled[:5])}"
            raise ValueError(msg)
        return self

    @property
    def camera(self) -> Device | None:
        """The camera that took the frames, as far as the page said."""
        return None if self.device is None else self.device.device()

    def challenge(self, phrase: str | None = None) -> Challenge:
        """Return what was asked, with `phrase` in place of the description's own."""
        prompts = tuple(Prompt(prompt.step, prompt.t_s) for prompt in self.prompts)
        return Challenge(phrase or self.phrase, prompts, self.mirrored)


def parse_description(text: str | bytes) -> CaptureDescription:
    """Parse a capture description.

    Raises
    ------
    CaptureDescriptionError
        With the first fault and where it is.
    """
    try:
        return CaptureDescription.model_validate(json.loads(text))
    except (json.JSONDecodeError, UnicodeDecodeError):
        msg = "capture.json is not JSON; see the schema in docs/api.md"
        raise CaptureDescriptionError(msg) from None
    except RecursionError:
        msg = "capture.json is nested too deeply; see the schema in docs/api.md"
        raise CaptureDescriptionError(msg) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "capture.json"
        msg = f"capture.json, {where}: {first['msg']}"
        raise CaptureDescriptionError(msg) from None


def read_description(folder: Path) -> CaptureDescription:
    """Read ``capture.json`` of a folder and check that every file it names is there.

    Raises
    ------
    CaptureDescriptionError
        When it is missing, faulty, or names files that are not there.
    """
    path = folder / "capture.json"
    try:
        description = parse_description(path.read_bytes())
    except OSError:
        msg = f"{folder.name}: has no readable capture.json; see the schema in docs/api.md"
        raise CaptureDescriptionError(msg) from None
    named = [frame.file for frame in description.frames]
    named += [description.audio.file] if description.audio else []
    linked = [name for name in named if (folder / name).is_symlink()]
    if linked:
        msg = f"capture.json names links, put the files themselves there: {', '.join(linked[:5])}"
        raise CaptureDescriptionError(msg)
    missing = [name for name in named if not (folder / name).is_file()]
    if missing:
        msg = f"capture.json names files that are not there: {', '.join(missing[:5])}"
        raise CaptureDescriptionError(msg)
    return description
