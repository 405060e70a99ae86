"""The camera by its own name, and what the file says of the software that wrote it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path

from layers.capture.types import Capture, Source
from layers.liveness.finding import Finding, informing
from verdict.measurement import Measurement
from verdict.policy import Policy

_LIST = Path(__file__).parent / "virtual_cameras.toml"
# Numbers are words of their own: the cameras of one program are often counted.
_WORD = re.compile(r"[^\W\d_]+|\d+")
# Libraries and programs that write files of an edited or made video. Browsers and phones name
# themselves otherwise; a service in between may have transcoded an honest recording with these.
_EDITORS = ("lavf", "lavc", "handbrake", "premiere", "davinci", "capcut", "imovie", "obs", "vlc")
# Sizes that webcams and phones offer, short side of the picture in px.
_SHORT_SIDES_PX = frozenset(
    {240, 288, 360, 480, 540, 576, 600, 720, 768, 960, 1080, 1200, 1440, 2160}
)
_ASPECTS = (4 / 3, 16 / 9, 3 / 2, 16 / 10, 5 / 4, 1.0, 11 / 9)
_ASPECT_TOLERANCE = 0.01


class Concern(IntEnum):
    """How far a camera's name says that its pictures need not be of the person in front of it."""

    NONE = 0
    RELAY = 1
    SOFTWARE = 2


@dataclass(frozen=True, slots=True)
class VirtualCamera:
    """One entry of ``virtual_cameras.toml``.

    Parameters
    ----------
    words
        Of the label, without case and punctuation, in this order and next to one another.
    """

    name: str
    words: tuple[str, ...]
    concern: Concern
    source: str


def device_of(capture: Capture, policy: Policy) -> list[Finding]:
    """Return what camera and file say of themselves."""
    return [*_label(capture.source, policy), *_size(capture.source), *_writer(capture.source)]


@cache
def virtual_cameras() -> tuple[VirtualCamera, ...]:
    """Return the maintained list of virtual cameras, the most worrying first."""
    entries = tomllib.loads(_LIST.read_text(encoding="utf-8"))["camera"]
    cameras = [
        VirtualCamera(
            entry["name"],
            words_of(entry["words"]),
            Concern[entry["concern"].upper()],
            entry["source"],
        )
        for entry in entries
    ]
    return tuple(sorted(cameras, key=lambda camera: -camera.concern))


def words_of(label: str) -> tuple[str, ...]:
    """Return the words of a label, without case and punctuation."""
    return tuple(_WORD.findall(label.casefold()))


def virtual_camera(label: str) -> VirtualCamera | None:
    """Return the listed camera whose words stand in `label`."""
    words = words_of(label)
    for camera in virtual_cameras():
        n = len(camera.words)
        if any(words[k : k + n] == camera.words for k in range(len(words) - n + 1)):
            return camera
    return None


def _label(source: Source, policy: Policy) -> list[Finding]:
    if source.device is None:
        return []
    found = virtual_camera(source.device.label)
    concern = Concern.NONE if found is None else found.concern
    most = policy.number("liveness.injection.most_label_concern")
    # The label itself may hold a name: only what it matched is told.
    note = "" if found is None else f"the camera calls itself {found.name}"
    reason = f"{note}, which shows whatever it is given" if concern > most else ""
    return [Finding(Measurement("camera_label_concern", float(concern), most, note=note), reason)]


def _size(source: Source) -> list[Finding]:
    """Return whether the camera's own size is one that cameras have; crops need not be."""
    device = source.device
    width, height = (
        (device.width_px, device.height_px)
        if device is not None and device.width_px and device.height_px
        else (source.width_px, source.height_px)
    )
    if not width or not height:
        return []
    aspect = max(width, height) / min(width, height)
    usual = any(abs(aspect / one - 1) < _ASPECT_TOLERANCE for one in _ASPECTS)
    usual = usual and min(width, height) in _SHORT_SIDES_PX
    note = "1: no size that webcams and phones usually offer"
    return [informing("unusual_size", 0.0 if usual else 1.0, note)]


def _writer(source: Source) -> list[Finding]:
    if not source.metadata:
        return []
    said = " ".join(source.metadata.values()).casefold()
    named = next((editor for editor in _EDITORS if editor in said), "")
    note = f"the file names {named}" if named else ""
    return [informing("edited_by_tag", 1.0 if named else 0.0, note)]
