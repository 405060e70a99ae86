"""Whole captures recorded again: hand, room and bezel around `replays`; landmarks are carried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from layers.capture.types import THUMB_SHAPE, Capture, FaceTrack, Image
from layers.vision import mesh
from layers.vision.training.replays import (
    GAMMA,
    Camera,
    Floats,
    Print,
    Screen,
    exposed,
    print_shot,
    screen_shot,
    set_up,
    warped,
)

Matrix = npt.NDArray[np.float64]
FRAMES = 8
SIZE_PX = (640, 480)
FACE_PX = 190.0
BEZEL = 0.05
BORDER = cv2.BORDER_REFLECT  # seen in the control only, where the medium has no edge


@dataclass(frozen=True, slots=True)
class Hand:
    """How the screen or print is held.

    Parameters
    ----------
    sway
        Amplitude in shares of the face width.
    tilt_deg
        Amplitude of the tilt about both axes in the picture, and half of that within it.
    """

    name: str
    sway: float
    tilt_deg: float


CONTROL = "no medium"
STILL, HELD, WAVED = Hand("stand", 0.0, 0.0), Hand("hand", 0.06, 2.0), Hand("waved", 0.25, 9.0)


@dataclass(frozen=True, slots=True)
class Species:
    """One way to present a recording to a camera; `still` shows its first picture only.

    Without a medium it is the control: a real person, before a camera that shakes.
    """

    medium: Screen | Print | None
    camera: Camera
    hand: Hand
    still: bool = False

    @property
    def name(self) -> str:
        """Medium, camera and hand."""
        shown = "photo on " if self.still else ""
        medium = self.medium.name if self.medium else CONTROL
        return f"{shown}{medium}, {self.camera.name}, {self.hand.name}"

    @property
    def frozen(self) -> bool:
        """Whether one picture is shown throughout."""
        return self.still or isinstance(self.medium, Print)


PLAIN, SKIPPING = Camera("plain"), Camera("skipping lines", aperture=0.5, lens_px=0.25)
SOFT = Camera("out of focus", lens_px=1.0)
SCREENS = tuple(Screen(f"screen {pitch:g}", pitch) for pitch in (0.35, 0.55, 0.8, 1.1, 1.6, 2.5))
PRINTS = tuple(
    Print(f"print {cells:g}" if cells else "photo print", cells) for cells in (0.25, 0.45, 0.9, 0.0)
)
SPECIES = (
    *(Species(screen, camera, HELD) for screen in SCREENS for camera in (PLAIN, SKIPPING)),
    Species(SCREENS[1], SOFT, HELD),
    *(Species(paper, PLAIN, HELD) for paper in PRINTS),
    Species(PRINTS[-1], PLAIN, WAVED),
    Species(PRINTS[-1], PLAIN, STILL),
    Species(SCREENS[-1], PLAIN, WAVED),
    Species(SCREENS[-1], PLAIN, HELD, still=True),
)


CONTROLS = tuple(Species(None, PLAIN, hand) for hand in (HELD, WAVED))


def replayed(capture: Capture, species: Species, seed: int = 0) -> Capture | None:
    """The capture as a camera records it from a screen or print; None without a face."""
    pictures = dict(zip(capture.kept, capture.images, strict=False))
    rows = [k for k in pictures if capture.track.found[k]]
    if not rows:
        return None
    rows = rows[:: max(1, len(rows) // FRAMES)][:FRAMES]
    random = np.random.default_rng(seed)
    if isinstance(species.medium, Screen):
        species = replace(species, medium=set_up(species.medium, random))
    first = pictures[rows[0]]
    fit = _fit(capture, rows[0])
    shown = _display(first, fit, species, random)
    room = _room(first, random)
    images, landmarks = [], []
    for row, move in zip(rows, _moves(rows, capture, species.hand, random), strict=True):
        source = rows[0] if species.frozen else row
        matrix = move @ fit
        shot = _shot(
            pictures[source], matrix, room, shown @ np.linalg.inv(matrix), species, random, row
        )
        points = capture.track.landmarks[source].copy()
        points[:, :2] = warped(points[:, :2], matrix)
        points[:, 2] *= fit[0, 0]
        images.append(shot)
        landmarks.append(points)
    track = _track(capture.track, np.array(rows), np.stack(landmarks), images)
    return replace(capture, images=tuple(images), kept=tuple(range(len(rows))), track=track)


def _fit(capture: Capture, row: int) -> Matrix:
    """Scale and shift that put the first face in the middle at its width."""
    points = capture.track.landmarks[row, :, :2]
    scale = FACE_PX / float(mesh.face_width(points))
    centre = points[list(mesh.OVAL)].mean(axis=0)
    shift = np.array(SIZE_PX) / 2 - scale * centre
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1]], float)


def _display(image: Image, fit: Matrix, species: Species, random: np.random.Generator) -> Matrix:
    """From pixels of the recording to pixels of the medium, turned by the camera's own tilt."""
    per_px = species.medium.pitch if isinstance(species.medium, Screen) else 1.0
    angle = np.deg2rad(random.uniform(-4, 4))
    cos, sin = np.cos(angle), np.sin(angle)
    scale = fit[0, 0] * per_px * random.uniform(0.97, 1.03)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], float)
    return np.asarray(turn @ np.diag([scale, scale, 1.0]), float)


def _moves(
    rows: list[int], capture: Capture, hand: Hand, random: np.random.Generator
) -> Iterator[Matrix]:
    """One homography for each frame: slow sums of sines."""
    rate = random.uniform(0.3, 1.2, (5, 2))
    phase = random.uniform(0, 2 * np.pi, (5, 2))
    size = np.array([1.0, 1.0, 0.5, 1.0, 1.0])
    centre = np.array([[1, 0, -SIZE_PX[0] / 2], [0, 1, -SIZE_PX[1] / 2], [0, 0, 1]], float)
    tilt = np.deg2rad(hand.tilt_deg)
    for row in rows:
        t_s = float(capture.track.t_s[row])
        x, y, turn, about_y, about_x = size * np.sin(2 * np.pi * rate * t_s + phase).mean(axis=1)
        cos, sin = np.cos(tilt * turn), np.sin(tilt * turn)
        shift = hand.sway * FACE_PX
        # Seen from three picture widths away, a tilt shortens one direction and converges.
        far = 1.5 * SIZE_PX[0]
        plane = np.array(
            [
                [cos * np.cos(tilt * about_y), -sin, shift * x],
                [sin, cos * np.cos(tilt * about_x), shift * y],
                [np.sin(tilt * about_y) / far, np.sin(tilt * about_x) / far, 1.0],
            ]
        )
        yield np.linalg.inv(centre) @ plane @ centre


def _room(image: Image, random: np.random.Generator) -> Image:
    """What is seen beside the medium, at rest: the recording mirrored, enlarged and dimmed."""
    wide = cv2.resize(image[:, ::-1], SIZE_PX, interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(wide, (0, 0), 2.5)
    return (soft * random.uniform(0.35, 0.7)).astype(np.uint8)


def _shot(
    image: Image, matrix: Matrix, room: Image, to_medium: Matrix, species: Species,
    random: np.random.Generator, row: int,
) -> Image:  # fmt: skip
    shrunk = max(0.0, 0.45 / matrix[0, 0] - 0.3)
    source = cv2.GaussianBlur(image, (0, 0), shrunk) if shrunk > 0.2 else image
    content = cv2.warpPerspective(
        source, matrix, SIZE_PX, flags=cv2.INTER_LINEAR, borderMode=BORDER
    )
    if species.camera.lens_px > 0.5:
        content = cv2.GaussianBlur(content, (0, 0), species.camera.lens_px)
    shown = np.asarray(content, np.uint8)
    medium = species.medium
    if medium is None:
        return exposed((shown.astype(np.float32) / 255) ** GAMMA, species.camera, random)
    inside = _covered(image.shape, matrix, 0.0)
    framed = _covered(image.shape, matrix, BEZEL)
    columns_rows = np.moveaxis(np.indices(SIZE_PX[::-1], np.float32)[::-1], 0, -1)
    there: Floats = warped(np.ascontiguousarray(columns_rows), to_medium)
    if isinstance(medium, Screen):
        shot, edge = screen_shot(shown, there, medium, species.camera, random, 0.37 * row), 18.0
    else:
        shot, edge = print_shot(shown, there, medium, species.camera, random), 215.0
    around = room + random.normal(0, species.camera.noise, room.shape)
    picture = around * (1 - framed) + edge * (framed - inside) + shot * inside
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def _covered(shape: tuple[int, ...], matrix: Matrix, margin: float) -> Floats:
    """(H, W, 1) share of each pixel that the medium, grown by a margin, covers."""
    height, width = shape[:2]
    grow = margin * max(height, width)
    corners = np.array(
        [
            (-grow, -grow),
            (width + grow, -grow),
            (width + grow, height + grow),
            (-grow, height + grow),
        ],
        np.float32,
    )
    mask = np.zeros(SIZE_PX[::-1], np.float32)
    cv2.fillConvexPoly(mask, np.rint(warped(corners, matrix)).astype(np.int32), (1.0,))
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.7), np.float32)[..., None]


def _track(
    track: FaceTrack, rows: npt.NDArray[np.int_], landmarks: Floats, images: list[Image]
) -> FaceTrack:
    carried = {
        name: getattr(track, name)
        for name in FaceTrack.__dataclass_fields__
        if name not in ("steps", "landmarks", "thumbs")
    }
    arrays: dict[str, Any] = {
        name: None if whole is None else whole[rows] for name, whole in carried.items()
    }
    size = THUMB_SHAPE[::-1]
    greys = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images]
    thumbs = np.stack([cv2.resize(grey, size, interpolation=cv2.INTER_AREA) for grey in greys])
    steps = tuple(track.steps[row] for row in rows)
    return FaceTrack(
        steps=steps,
        landmarks=landmarks.astype(np.float32),
        thumbs=thumbs.astype(np.uint8),
        **arrays,
    )
