"""One still portrait made to blink, turn and speak by 2-D warps: a puppet, never a person.

Everything here moves pixels of one flat picture. Its turns have no parallax, its lids are
stretched skin, its mouth is a painted hole: what the layers should find is true of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as PilImage

from layers.capture.types import Image

SIZE = (640, 480)
Map = npt.NDArray[np.float32]

# Where things lie in scikit-image's astronaut, cropped to columns 85-365 and rows 15-225 and
# enlarged to 640x480.
_CROP = (slice(15, 225), slice(85, 365))
_EYES = ((273.0, 198.0, 29.0, 9.0), (370.0, 202.0, 29.0, 9.0))  # x, y, half width, half height
_MOUTH = (316.0, 302.0, 44.0, 12.0)
_CHIN_Y = 371.0

_LID_REACH = 4.5  # half heights of an eye above which the skin stays where it is
_LID_TRAVEL = 2.1  # half heights that a closed lid has come down
_JAW_DROP_PX = 24.0
_CARD_DISTANCE = 1.9  # of the picture's width, from camera to picture
_NOISE = 2.0  # grey levels, as a small camera in a room has


@dataclass(frozen=True, slots=True)
class Pose:
    """What the puppet does in one frame.

    Parameters
    ----------
    turn_deg
        Angle by which the flat picture is turned; positive shows its face to the image right.
    closed, open_mouth
        0 as in the portrait, 1 fully.
    shift_px
        Sway of the hand that holds it.
    """

    turn_deg: float = 0.0
    closed: float = 0.0
    open_mouth: float = 0.0
    shift_px: tuple[float, float] = (0.0, 0.0)


def load_portrait() -> Image:
    """Return the portrait that scikit-image ships, cropped and enlarged, RGB."""
    with (resources.files("skimage") / "data" / "astronaut.png").open("rb") as file:
        whole = np.asarray(PilImage.open(file).convert("RGB"))
    crop = np.ascontiguousarray(whole[_CROP])
    enlarged = cv2.resize(crop, SIZE, interpolation=cv2.INTER_CUBIC)
    return np.asarray(enlarged, dtype=np.uint8)


def pose_portrait(portrait: Image, pose: Pose, noise: np.random.Generator) -> Image:
    """Return the portrait in a pose, RGB, with the noise of a camera.

    Parameters
    ----------
    portrait : uint8 (480, 640, 3)
    noise
        Seeded by the caller: the same seed gives the same attack.
    """
    columns = np.arange(SIZE[0], dtype=np.float32)[None, :]
    rows = np.arange(SIZE[1], dtype=np.float32)[:, None]
    source_x, source_y = (np.ascontiguousarray(axis) for axis in np.broadcast_arrays(columns, rows))
    hole = np.zeros_like(source_x)
    if pose.open_mouth > 0:
        drop, hole = _open_mouth(columns, rows, pose.open_mouth)
        source_y = source_y - drop
    if pose.closed > 0:
        for eye in _EYES:
            source_y = source_y - _lid(columns, rows, eye, pose.closed)
    face = cv2.remap(portrait, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    dark = np.array([58, 22, 24], dtype=np.float32)
    painted = np.asarray(face * (1 - hole[..., None]) + dark * hole[..., None], dtype=np.float32)
    turned = cv2.warpPerspective(painted, _card(pose), SIZE, borderMode=cv2.BORDER_REFLECT)
    grain = _NOISE * noise.standard_normal(turned.shape, dtype=np.float32)
    return np.clip(np.round(turned + grain), 0, 255).astype(np.uint8)


def _lid(x: Map, y: Map, eye: tuple[float, float, float, float], closed: float) -> Map:
    """Return how far the skin above an eye has been pulled down at each pixel."""
    centre_x, centre_y, half_width, half_height = eye
    across = np.exp(-(((x - centre_x) / (1.15 * half_width)) ** 4))
    height = (y - centre_y) / half_height  # -1 upper lid, 1 lower lid
    above = np.clip((height + _LID_REACH) / (_LID_REACH - 1.0), 0.0, 1.0)
    below = np.clip((1.5 - height) / 0.5, 0.0, 1.0)
    pulled: Map = closed * _LID_TRAVEL * half_height * across * above * below
    return pulled


def _open_mouth(x: Map, y: Map, opening: float) -> tuple[Map, Map]:
    """Return how far the jaw has come down at each pixel, and how dark the hole is there."""
    centre_x, centre_y, half_width, half_height = _MOUTH
    across = np.exp(-(((x - centre_x) / (1.5 * half_width)) ** 4))
    down = np.clip((y - centre_y) / half_height, 0.0, 1.0)
    fade = np.clip(1.0 - (y - _CHIN_Y) / 60.0, 0.0, 1.0)
    drop = opening * _JAW_DROP_PX
    middle_y = centre_y + drop / 2
    radius = ((x - centre_x) / (0.8 * half_width)) ** 2
    radius = radius + ((y - middle_y) / max(1.0, 0.62 * drop)) ** 2
    hole = np.clip(1.6 - 1.6 * radius, 0.0, 1.0) * min(1.0, 2 * opening)
    return drop * across * (down * fade), hole


def _card(pose: Pose) -> npt.NDArray[np.float64]:
    """Return the homography of a flat picture turned about its upright axis."""
    width, height = SIZE
    focal = _CARD_DISTANCE * width
    angle = np.deg2rad(pose.turn_deg)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    centred = corners - (width / 2, height / 2)
    depth = focal + centred[:, 0] * np.sin(angle)
    seen = np.stack((centred[:, 0] * np.cos(angle), centred[:, 1]), axis=1)
    seen = seen * (focal / depth)[:, None] + (width / 2, height / 2) + pose.shift_px
    homography = cv2.getPerspectiveTransform(corners.astype(np.float32), seen.astype(np.float32))
    return np.asarray(homography, dtype=np.float64)
