"""Every signal that fires can be shown: its region and a reference, both inside the frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from layers.capture.types import Capture, FloatArray
from layers.vision import analyse, boundary_artifacts, mesh
from layers.vision.pictures import (
    Derived,
    Picture,
    Role,
    Shot,
    picture_of,
    pictures_of_sources,
)
from layers.vision.pictures.cell_heat import NAME, cell_heat, inside_and_outside
from layers.vision.pictures.geometry import outlines_of, views_of, widest_square
from tests.layers.vision.picture_builders import FIRING, firing
from tests.layers.vision.vision_builders import astronaut, capture_of, still
from verdict.evidence import RiskSource, SignalCode
from verdict.measurement import Measurement
from verdict.policy import load_policy


def shown(code: SignalCode) -> tuple[Capture, Picture]:
    capture, signal = firing(code)
    assert signal.fired
    picture = picture_of(capture, signal)
    assert picture is not None
    return capture, picture


def lines(picture: Picture) -> list[tuple[Shot, FloatArray]]:
    shots = [panel for panel in picture.panels if isinstance(panel, Shot)]
    return [(shot, outline.points) for shot in shots for outline in shot.outlines]


def roles(picture: Picture) -> set[Role | None]:
    parts = (*picture.panels, *picture.swatches)
    outlines = [outline for panel in picture.panels for outline in panel.outlines]
    return {part.role for part in (*parts, *outlines)}


@pytest.mark.parametrize("code", FIRING)
def test_a_fired_signal_shows_its_region_and_a_reference(code: SignalCode) -> None:
    capture, picture = shown(code)
    assert picture.name == code
    assert picture.sentence
    assert {Role.LOOKED_AT, Role.REFERENCE} <= roles(picture)
    assert lines(picture)
    for shot, points in lines(picture):
        image = capture.image_at(shot.frame)
        assert image is not None
        height, width = image.shape[:2]
        assert 0 <= shot.box.left < shot.box.right <= width
        assert 0 <= shot.box.top < shot.box.bottom <= height
        assert (points >= 0).all()
        assert (points <= (width - 1, height - 1)).all()
        # What is outlined is what the panel shows, to a pixel of rounding.
        assert (points >= (shot.box.left - 1, shot.box.top - 1)).all()
        assert (points <= (shot.box.right + 1, shot.box.bottom + 1)).all()


@pytest.mark.parametrize("code", FIRING)
def test_no_picture_of_frames_that_were_not_kept(code: SignalCode) -> None:
    capture, signal = firing(code)
    picture = picture_of(capture.without_images(), signal)
    assert picture is None or not picture.panels


def test_the_seam_is_drawn_where_it_was_made() -> None:
    capture, picture = shown(SignalCode.BOUNDARY_ARTIFACTS)
    shot, strip = picture.panels
    (seam,) = [line.points for line in shot.outlines if line.role is Role.LOOKED_AT]
    oval = capture.track.landmarks[0, list(mesh.OVAL), :2]
    centre = oval.mean(axis=0)
    radii = np.linalg.norm(seam - centre, axis=1) / np.linalg.norm(oval - centre, axis=1)
    assert radii == pytest.approx(0.88, abs=0.02)
    assert isinstance(strip, Derived)
    (level,) = [line.points[0, 1] for line in strip.outlines if line.role is Role.LOOKED_AT]
    offsets = boundary_artifacts.OFFSETS
    share = (-0.12 - offsets[0]) / (offsets[-1] - offsets[0])
    assert 1 - level / strip.pixels.shape[0] == pytest.approx(share, abs=0.04)


def test_the_smooth_patch_is_darker_than_the_reference() -> None:
    _, picture = shown(SignalCode.TEXTURE_SMOOTHING)
    by_role = {
        panel.role: float(panel.pixels.mean())
        for panel in picture.panels
        if isinstance(panel, Derived) and "detail" in panel.caption
    }
    assert by_role[Role.LOOKED_AT] < 0.5 * by_role[Role.REFERENCE]


def test_swatches_carry_the_colours_of_the_regions() -> None:
    _, picture = shown(SignalCode.SKIN_TONE_MISMATCH)
    face, neck, even_face, even_neck = picture.swatches
    assert face.rgb[2] < neck.rgb[2]  # the neck was tinted blue
    assert abs(sum(even_face.rgb) - sum(even_neck.rgb)) < 60
    assert face.caption.startswith("face: L ")


def test_the_curve_of_the_blink_marks_its_deepest_frame() -> None:
    _, picture = shown(SignalCode.BLINK_FAILURE)
    assert picture.curve is not None
    assert picture.curve.marks == (int(np.nanargmin(picture.curve.values)),)
    assert picture.curve.limit == load_policy().number("vision.blink_failure.threshold")


def test_a_flat_picture_leaves_little_when_laid_over_and_a_head_more() -> None:
    from layers.vision.pictures.motion import _laid_over
    from tests.layers.vision.vision_builders import turned

    left = []
    for depth in (0.0, 1.0):
        laid = _laid_over(turned(depth), 0, 1)
        assert laid is not None
        left.append(float(laid[1].mean()))
    assert left[0] < 0.6 * left[1]


def test_an_arrow_is_as_long_as_its_point_bends_off() -> None:
    from layers.vision.pictures.geometry import MAGNIFIED
    from layers.vision.pictures.motion import SHOWN_POINTS

    _, signal = firing(SignalCode.TEMPORAL_INSTABILITY)
    portrait = astronaut()
    moved = [portrait.landmarks.copy() for _ in range(3)]
    point = SHOWN_POINTS[5]
    moved[1][point, 0] += 2.0
    picture = picture_of(capture_of([portrait.image] * 3, moved, rate_hz=10), signal)
    assert picture is not None
    (arrows,) = [p.arrows for p in picture.panels if isinstance(p, Shot) and p.arrows is not None]
    lengths = np.linalg.norm(arrows[:, 1] - arrows[:, 0], axis=1)
    assert int(np.argmax(lengths)) == 5
    assert lengths[5] == pytest.approx(2.0 * MAGNIFIED, rel=0.15)


def test_a_drift_is_shown_between_frames_at_one_pose() -> None:
    from layers.vision import temporal_instability
    from layers.vision.scene import prepare

    portrait = astronaut()
    late = portrait.landmarks.copy()
    late[list(mesh.EYE_CORNERS_LEFT), 0] -= 12.0
    late[list(mesh.EYE_CORNERS_RIGHT), 0] += 12.0
    late[[4, 5, 195, 197], 1] += 12.0
    capture = capture_of([portrait.image] * 24, [portrait.landmarks] * 12 + [late] * 12, rate_hz=8)
    capture.track.yaw_deg[:] = capture.track.pitch_deg[:] = 0.0
    signal = temporal_instability.measure(prepare(capture), load_policy()).signal
    picture = picture_of(capture, signal)
    assert picture is not None
    shown_late, shown_early = picture.panels
    assert shown_early.frame < 8 <= 16 <= shown_late.frame
    assert isinstance(shown_late, Shot)
    assert shown_late.arrows is not None
    start, end = shown_late.arrows[:, 0], shown_late.arrows[:, 1]
    outer_left = temporal_instability.RIGID.index(33)
    assert end[outer_left, 0] < start[outer_left, 0]  # outwards, as it was moved


def test_outlines_of_a_mask_enclose_its_area() -> None:
    capture = still(astronaut())
    (view,) = views_of(capture, [0])
    mask = view.regions.skin
    drawn = np.zeros(astronaut().image.shape[:2], bool)
    for outline in outlines_of(view, capture, mask, Role.LOOKED_AT):
        drawn |= _filled(outline.points, drawn.shape)
    assert drawn.sum() * view.scale**2 == pytest.approx(mask.sum(), rel=0.1)


def _filled(
    points: FloatArray, shape: tuple[int, ...]
) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    import cv2

    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.rint(points).astype(np.int32)], (1.0,))
    return canvas.astype(bool)


def test_the_widest_square_lies_within_the_mask() -> None:
    mask = np.zeros((40, 60), bool)
    mask[5:26, 10:31] = True
    assert widest_square(mask) == (20, 15, 10)
    assert widest_square(np.zeros((9, 9), bool)) is None


def test_heat_is_of_the_model_that_decided_or_missing() -> None:
    capture = still(astronaut(), n=2)
    models = analyse(capture, load_policy()).models
    made = pictures_of_sources(capture, (), models)
    (heated,) = [p for p in made[NAME].panels if isinstance(p, Shot) and p.heat is not None]
    assert heated.heat is not None
    assert 0.0 <= float(heated.heat.min()) <= float(heated.heat.max()) <= 1.0
    assert pictures_of_sources(capture, (), {**models, NAME: "0" * 64}) == {}
    assert pictures_of_sources(capture.without_images(), (), models) == {}


def test_heat_lies_where_the_network_looked() -> None:
    (view,) = views_of(still(astronaut()), [0])
    heat, corners = cell_heat(view)
    oval = view.points[list(mesh.OVAL)]
    assert (corners[0] < oval.min(axis=0)).all()
    assert (corners[1] > oval.max(axis=0)).all()
    marked = np.zeros_like(heat)
    marked[heat.shape[0] // 2, heat.shape[1] // 2] = 1.0
    inside, outside = inside_and_outside(view, marked, corners)
    assert inside > 0
    assert outside == 0


def test_presentation_crops_lie_within_the_frame() -> None:
    capture = still(astronaut(), n=3)
    source = RiskSource("minifasnet", 0.9, (Measurement("not_live", 0.95, 0.9, (0, 1, 2)),))
    made = pictures_of_sources(capture, (source,), {})["minifasnet"]
    height, width = astronaut().image.shape[:2]
    assert len(made.panels) == 3
    for shot, points in lines(made):
        assert shot.frame == 1
        assert (points >= 0).all()
        assert (points <= (width - 1, height - 1)).all()
    bare = replace(source, measurements=(Measurement("not_live", 0.95, 0.9),))
    assert pictures_of_sources(capture, (bare,), {}) == {}


def cues(moire: float, planar: float) -> RiskSource:
    frames = (0, 1, 2)
    return RiskSource(
        "presentation",
        0.9,
        (
            Measurement("moire", moire, 1.0, frames),
            Measurement("planar_motion", planar, 1.0, frames),
        ),
    )


def test_the_presentation_cue_that_is_strongest_is_shown() -> None:
    capture = sliding(face_along=True)
    surface = pictures_of_sources(capture, (cues(3.0, 1.0),), {})["presentation"]
    assert {panel.role for panel in surface.panels[1:]} == set(Role)
    flat = pictures_of_sources(capture, (cues(1.0, 3.0),), {})["presentation"]
    assert isinstance(flat.panels[-1], Derived)
    height, width = astronaut().image.shape[:2]
    for _, points in (*lines(surface), *lines(flat)):
        assert (points >= 0).all()
        assert (points <= (width - 1, height - 1)).all()
    assert pictures_of_sources(capture.without_images(), (cues(1.0, 3.0),), {}) == {}
    assert pictures_of_sources(capture, (cues(0.9, 0.9),), {}) == {}


def test_one_plane_leaves_less_of_the_face_than_a_head_before_a_room() -> None:
    left = []
    for face_along in (True, False):
        picture = pictures_of_sources(sliding(face_along=face_along), (cues(1.0, 3.0),), {})
        panel = picture["presentation"].panels[-1]
        assert isinstance(panel, Derived)
        (outline,) = panel.outlines
        face = _filled(outline.points, panel.pixels.shape[:2])
        left.append(float(panel.pixels[face].mean()))
    assert left[0] < 0.5 * left[1]


def sliding(*, face_along: bool) -> Capture:
    """The portrait sliding by 12 px a frame: all of it, or all but the face."""
    import cv2

    portrait = astronaut()
    face = portrait.mask(mesh.OVAL)
    images, landmarks = [], []
    for k in range(3):
        shift = np.array([[1, 0, 12.0 * k], [0, 1, 6.0 * k]])
        size = (portrait.image.shape[1], portrait.image.shape[0])
        moved = cv2.warpAffine(portrait.image, shift, size, borderMode=cv2.BORDER_REFLECT)
        points = portrait.landmarks.copy()
        if face_along:
            points[:, :2] += shift[:, 2].astype(np.float32)
        else:
            moved[face] = portrait.image[face]
        images.append(np.asarray(moved, np.uint8))
        landmarks.append(points)
    return capture_of(images, landmarks)
