"""What must not bend when a face moves: eyeballs under rising lids, and glasses in front of the skin."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
from react1.pipeline.engine.geometry.mesh import EYES
from react1.pipeline.engine.planning.animate import pose_for
from react1.pipeline.engine.render.draw import retouch
from react1.pipeline.engine.render.shade import lift_creases, shade_folds
from react1.pipeline.engine.warp.glasses import find_glasses
from react1.pipeline.engine.warp.warp import Warped


def _pose(portrait, prompt: str, temperature: float = 1.0):
    shape = MouthShape.of(portrait.face)
    return pose_for(React1Choices(prompt=prompt, temperature=temperature), shape, shape, 1.0)


def test_a_rising_lid_uncovers_white_above_a_round_iris(portrait) -> None:
    """Above the iris, where the lid was, is white in surprise; a stretched lid leaves it darker than the iris's rim."""
    after = retouch(portrait.picture, portrait.face, _pose(portrait, "surprised"))

    grey = cv2.GaussianBlur(cv2.cvtColor(after, cv2.COLOR_RGB2GRAY), (0, 0), 0.6)
    for eye in EYES.values():
        (x, y), rim = portrait.face.points_px[eye.iris, :2], portrait.face.points_px[eye.iris + 1 : eye.iris + 5, :2]
        radius = float(np.linalg.norm(rim - (x, y), axis=1).max())
        above, inside = (int(grey[round(y - share * radius), round(x)]) for share in (1.15, 0.7))
        assert above > 1.6 * inside


def test_the_white_of_an_eye_does_not_glow_in_shadow(portrait) -> None:
    """Uncovered in the shadow of a brow, it is hardly brighter than the skin around that eye."""
    x, y = portrait.face.points_px[EYES[1].iris, :2]
    rows, columns = np.indices(portrait.picture.shape[:2])
    near = np.exp(-0.5 * ((columns - x) ** 2 + (rows - y) ** 2) / (0.30 * portrait.face.unit_px) ** 2)
    dark = (portrait.picture * (1 - 0.8 * near)[..., None]).astype(np.uint8)

    after = retouch(dark, portrait.face, _pose(portrait, "surprised"))

    rim = portrait.face.points_px[EYES[1].iris + 1 : EYES[1].iris + 5, :2]
    radius = float(np.linalg.norm(rim - (x, y), axis=1).max())
    above = float(after[round(y - 1.15 * radius), round(x)].mean())
    around = portrait.face.points_px[EYES[1].lower_ring, :2].round().astype(int)
    assert above < 1.3 * np.quantile(dark[around[:, 1], around[:, 0]].mean(1), 0.75)


def test_the_white_of_an_eye_that_shows_none_is_no_skin(portrait) -> None:
    """Where only lid is seen beside an iris, what is uncovered above it has much less colour than that lid."""
    lid, picture = (150, 95, 75), portrait.picture.copy()
    for eye in EYES.values():
        (x, y), rim = portrait.face.points_px[eye.iris, :2], portrait.face.points_px[eye.iris + 1 : eye.iris + 5, :2]
        cv2.fillPoly(picture, [np.round(portrait.face.points_px[eye.contour, :2]).astype(np.int32)], lid)
        cv2.circle(picture, (round(x), round(y)), round(np.linalg.norm(rim - (x, y), axis=1).max()), (60, 45, 35), -1)

    after = retouch(picture, portrait.face, _pose(portrait, "surprised"))

    for eye in EYES.values():
        (x, y), rim = portrait.face.points_px[eye.iris, :2], portrait.face.points_px[eye.iris + 1 : eye.iris + 5, :2]
        radius = float(np.linalg.norm(rim - (x, y), axis=1).max())
        white = after[round(y - 1.3 * radius), round(x)].astype(float)
        assert np.ptp(white) / white.mean() < 0.75 * np.ptp(lid) / np.mean(lid)


def test_an_iris_that_is_uncovered_is_round_where_the_lower_lid_hides_its_other_half(portrait) -> None:
    """Above the pupil is iris, in the shadow of the lid; a mirrored column would show the pupil there."""
    picture, points, eyes = portrait.picture.copy(), portrait.face.points_px.copy(), []
    for eye in EYES.values():
        (x, y), rim = points[eye.iris, :2], points[eye.iris + 1 : eye.iris + 5, :2]
        radius = float(np.linalg.norm(rim - (x, y), axis=1).max())
        points[eye.lower, 1] = np.minimum(points[eye.lower, 1], y + 0.45 * radius)
        painted, opening = picture.copy(), np.zeros(picture.shape[:2], np.uint8)
        cv2.circle(painted, (round(x), round(y)), round(radius), (110, 140, 170), -1)
        cv2.circle(painted, (round(x), round(y)), round(0.45 * radius), (15, 15, 15), -1)
        cv2.fillPoly(opening, [np.round(points[eye.contour, :2]).astype(np.int32)], 1)
        picture[opening > 0] = painted[opening > 0]
        eyes.append((x, y, radius))

    after = retouch(picture, FaceFrame(points), _pose(portrait, "surprised"))

    for x, y, radius in eyes:
        over_pupil, right_of_it = after[round(y - 0.75 * radius), round(x)], after[round(y), round(x + 0.75 * radius)]
        assert over_pupil.mean() > 0.45 * right_of_it.mean()


def test_a_lower_lid_that_falls_when_a_smile_goes_shows_its_lashes_once(portrait) -> None:
    """A line along the lower lids, of one colour, is no larger in sad than it was: the still eye has none of it."""
    picture = cv2.resize(portrait.picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    face = FaceFrame(portrait.face.points_px * 3)
    for eye in EYES.values():
        row = face.points_px[eye.lower, :2] + (0, 0.012 * face.unit_px)
        cv2.polylines(picture, [row.round().astype(np.int32)], False, (0, 255, 0), round(0.02 * face.unit_px))

    after = retouch(picture, face, _pose(portrait, "sad"))

    before, shown = (
        np.clip(seen[..., 1] - seen[..., ::2].max(2).astype(float), 0, None).sum() for seen in (picture, after)
    )
    assert shown < 1.25 * before


def _wearing(portrait, color: int, thick_units: float, *, lenses: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the portrait with round glasses of a grey, and where they are: their frame, or all of their dark lenses.

    Args:
        portrait: a face without glasses.
        color: 0 to 255.
        thick_units: how thick the frame is.
        lenses: whether the lenses have its colour too.
    """
    unit, (x, y) = portrait.face.unit_px, portrait.face.origin_px[:2]
    worn, frame, thick = portrait.picture.copy(), np.zeros(portrait.picture.shape[:2], np.uint8), thick_units * unit
    for side in (-1, 1):
        middle = (round(x + side * 0.5 * unit), round(y + 0.06 * unit))
        cv2.ellipse(frame, middle, (round(0.36 * unit), round(0.27 * unit)), 0, 0, 360, 255, max(1, round(thick)))
        if lenses:
            cv2.ellipse(frame, middle, (round(0.36 * unit), round(0.27 * unit)), 0, 0, 360, 255, -1)
    ends = [(round(x + side * 0.15 * unit), round(y)) for side in (-1, 1)]
    cv2.line(frame, ends[0], ends[1], 255, max(1, round(thick)))
    worn[frame > 0] = color
    return worn, frame > 0


@pytest.mark.parametrize(("color", "thick_units"), [(20, 0.06), (60, 0.025), (250, 0.025)])
def test_glasses_do_not_bend(portrait, color: int, thick_units: float) -> None:
    """A frame, dark, thin or of bright metal, keeps its place under raised brows; bare skin is no frame."""
    worn, frame = _wearing(portrait, color, thick_units)
    pose = _pose(portrait, "surprised")

    after = retouch(worn, portrait.face, pose)

    assert find_glasses(portrait.picture, portrait.face).share == 0
    assert find_glasses(worn, portrait.face).share == 1
    thick = thick_units > 0.05  # the border of a thin frame is most of it, and moves by a pixel over a rising lid
    core = cv2.erode(frame.astype(np.uint8), np.ones((3, 3))) > 0 if thick else frame
    assert (np.abs(after[core].astype(int) - color).max(1) < 40).mean() > (0.90 if thick else 0.85)


def test_a_gap_in_a_line_across_the_nose_makes_it_none(portrait) -> None:
    """Deep pieces of a line do not make up for one that is missing: creases are short."""
    unit, (x, y) = portrait.face.unit_px, portrait.face.origin_px[:2]
    worn, _ = _wearing(portrait, 20, 0.06)
    rows, columns = (slice(*(round(at + side * 0.08 * unit) for side in (-1, 1))) for at in (y, x))
    worn[rows, columns] = portrait.picture[rows, columns]

    assert find_glasses(worn, portrait.face).share == 0


def test_nobody_sees_eyes_behind_dark_lenses(portrait) -> None:
    """No lid moves there, and no eye is drawn on the lenses."""
    worn, lenses = _wearing(portrait, 30, 0.06, lenses=True)
    shine = (15 + 30 * (np.arange(len(worn)) // 4 % 2)).astype(np.uint8)  # a plain lens would hide what moves on it
    worn[lenses] = np.broadcast_to(shine[:, None, None], worn.shape)[lenses]

    assert find_glasses(worn, portrait.face).dark == 1
    for prompt in ("surprised", "sad"):
        after = retouch(worn, portrait.face, _pose(portrait, prompt))
        core = cv2.erode(lenses.astype(np.uint8), np.ones((7, 7))) > 0
        assert np.abs(after.astype(int) - worn)[core].max() < 16


def test_neutral_lifts_the_creases_of_a_smile(portrait) -> None:
    """Beside the mouth the skin is evener than under the smile; the amount follows the unit."""
    from dataclasses import replace

    pose = _pose(portrait, "neutral")
    assert pose.amplitude("AU0") > 0.1
    full, none = (
        retouch(portrait.picture, portrait.face, replace(pose, units={**pose.units, "AU0": amount}))
        for amount in (1.0, 0.0)
    )

    assert _crease_depth(full, portrait.face) < 0.8 * _crease_depth(none, portrait.face)


def _crease_depth(picture: np.ndarray, face) -> float:
    """Return how much darker than their surroundings the darkest pixels are beside the mouth."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    fine, wide = (cv2.GaussianBlur(grey, (0, 0), share * face.unit_px) for share in (0.022, 0.088))
    depths = []
    for corner, outward in ((61, -1), (291, 1)):
        x, y = face.points_px[corner, :2]
        near = (
            slice(round(y - 0.25 * face.unit_px), round(y)),
            slice(*sorted((round(x + outward * 0.08 * face.unit_px), round(x + outward * 0.26 * face.unit_px)))),
        )
        depths.append(np.percentile((wide - fine)[near], 95))
    return float(np.mean(depths))


def test_lifted_make_up_keeps_its_colour(portrait) -> None:
    """Black beside an eye is no crease: what a smile that goes lifts of its soft border is skin, not blue or green."""
    painted, (x, y) = portrait.picture.copy(), np.round(portrait.face.points_px[33, :2]).astype(int)
    unit = portrait.face.unit_px
    cv2.line(painted, (x, y), (round(x - 0.16 * unit), round(y - 0.02 * unit)), (12, 10, 10), round(0.07 * unit))
    painted = cv2.GaussianBlur(painted, (0, 0), 0.9)
    places = portrait.face.points_px[:468, :2]
    warped = Warped((0, 0, 640, 480), painted.copy(), places, np.zeros_like(places))

    lift_creases(warped, portrait.face, replace(_pose(portrait, "neutral"), units={"AU0": 1.0}), 0.0)

    near = (slice(y - round(0.12 * unit), y + round(0.12 * unit)), slice(x - round(0.3 * unit), x))
    red, green, blue = np.moveaxis(warped.picture[near].astype(int) - painted[near], -1, 0)
    assert red.max() >= 4
    assert (np.maximum(green, blue) - red).max() <= 2


@pytest.mark.slow
def test_equal_steps_of_the_temperature_look_alike(at_rest) -> None:
    """The picture changes little at 0, and each quarter adds at least a tenth of the change at 1."""
    pictures = [retouch(at_rest.picture, at_rest.face, _pose(at_rest, "angry", step / 4)) for step in range(5)]

    changes = [float(np.abs(picture.astype(int) - at_rest.picture).mean()) for picture in pictures]

    assert changes[0] < 0.2 * changes[4]
    assert (np.diff(changes) > 0.1 * changes[4]).all()


def test_folds_of_many_units_are_no_deeper_than_one_that_looks_painted(portrait) -> None:
    """The darkest pixel between the brows is as dark for twice as strong a unit that folds the skin there."""
    shape = MouthShape.of(portrait.face)
    still = replace(pose_for(React1Choices(prompt="neutral"), shape, shape, 1.0), calm=0.0, gap=shape.gap)

    def darkest(amount: float) -> int:
        flat = Warped((0, 0, 640, 480), np.full((480, 640, 3), 200, np.uint8), portrait.face.points_px[:468, :2], None)
        shade_folds(flat, portrait.face, replace(still, units={"AU4": amount}), np.ones(3))
        return int(flat.picture.min())

    assert darkest(4.0) == darkest(2.0) < darkest(0.5)
