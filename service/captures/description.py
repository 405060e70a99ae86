"""The capture JSON as a service takes it: that of the layers, and a video may stand for frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pydantic import ConfigDict, Field

from layers.capture.description import CaptureDescription, FrameDescription
from layers.capture.types import Challenge, Step


class SubmittedCapture(CaptureDescription):
    """What the files of a capture are: sent as the form field `capture`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
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
                }
            ]
        }
    )

    frames: list[FrameDescription] = Field(
        default_factory=list,
        max_length=3600,
        description="One entry per picture; empty when a video is sent.",
    )

    @property
    def step_order(self) -> list[str]:
        """The steps in the order they were asked for."""
        if self.prompts:
            return _once(prompt.step for prompt in sorted(self.prompts, key=lambda one: one.t_s))
        frames = sorted(self.frames, key=lambda one: one.t_s)
        return _once(frame.step for frame in frames if frame.step is not None)

    def asked(self, phrase: str, language: str) -> Challenge:
        """Return what the service asked, at the times at which the page did."""
        return replace(self.challenge(phrase), language=language)


def _once(steps: Iterable[Step]) -> list[str]:
    return list(dict.fromkeys(str(step) for step in steps))
