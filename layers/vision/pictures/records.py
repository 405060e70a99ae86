"""What a picture of a finding is made of: which part of which frame, and what lies over it.

Nothing is drawn here. Coordinates are pixels of the whole frame, so that a reader may draw them
over a thumbnail, over the stored video, or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from layers.capture.types import FloatArray, Image, TimeArray


class Role(StrEnum):
    """What an outline or a panel stands for."""

    LOOKED_AT = "looked at"
    REFERENCE = "reference"


class Box(NamedTuple):
    """Whole pixels of the frame; right and bottom lie just outside."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Outline:
    """A line around or along something.

    Parameters
    ----------
    points
        (K, 2) in pixels of the frame; of the picture itself in a `Derived`.
    """

    points: FloatArray
    role: Role
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Shot:
    """A part of one frame.

    Parameters
    ----------
    frame
        Row of the track.
    heat
        (h, w) 0-1, stretched over `heat_box`, which may reach beyond the frame; None without one.
    arrows
        (K, 2, 2) start and end of each arrow, in pixels of the frame.
    """

    frame: int
    box: Box
    caption: str
    outlines: tuple[Outline, ...] = ()
    role: Role | None = None
    heat: FloatArray | None = None
    heat_box: Box | None = None
    arrows: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Derived:
    """A picture computed from a frame: a detail band, a difference, an unrolled contour."""

    frame: int
    pixels: Image
    caption: str
    outlines: tuple[Outline, ...] = ()
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Swatch:
    """One flat colour.

    Parameters
    ----------
    rgb
        0-255 each, of the Lab value in `caption`.
    """

    rgb: tuple[int, int, int]
    caption: str
    role: Role


@dataclass(frozen=True, slots=True)
class Curve:
    """One quantity over time.

    Parameters
    ----------
    limit
        Where the signal fires, in the unit of the curve; None where it isn't in that unit.
    limit_label
        On which side of it, in words.
    marks
        Rows of the track that the finding rests on.
    with_sound
        Whether it is to be read against the loudness of the sound.
    """

    title: str
    unit: str
    t_s: TimeArray
    values: FloatArray
    limit: float | None = None
    limit_label: str = ""
    marks: tuple[int, ...] = ()
    with_sound: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """All that shows what one signal or source of risk rests on.

    Parameters
    ----------
    name
        Code of the signal, or name of the source of risk.
    sentence
        What there is to see, with the numbers of the frame shown.
    """

    name: str
    sentence: str
    panels: tuple[Shot | Derived, ...] = ()
    swatches: tuple[Swatch, ...] = ()
    curve: Curve | None = None
