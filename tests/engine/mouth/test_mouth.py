"""What speech does to the lips, and what is visible between them; measured on pixels of a resting mouth."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.arrays import soft_mask
from react1.pipeline.engine.frames.shot_light import LUMA, measure_light
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape, resting_lip
from react1.pipeline.engine.geometry.mesh import CHEEKS, INNER_LIPS, LIPS, LOWER_LIP, UPPER_LIP
from react1.pipeline.engine.mouth.cavity import color_of_shot
from react1.pipeline.engine.mouth.mouth import fill_mouth
from react1.pipeline.engine.mouth.painted_over import hide_interior
from react1.pipeline.engine.mouth.teeth import EDGE_BELOW_LIP, UPPER, draw_teeth
from react1.pipeline.engine.planning.animate import pose_for
from react1.pipeline.engine.pose.pose import Pose
from react1.pipeline.engine.render.draw import retouch
from react1.pipeline.engine.voice.speech import SpeechFrame
from react1.pipeline.engine.warp.landmark_moves import landmark_moves
from react1.pipeline.engine.warp.warp import warp

CORNERS, LOWER_LIP_BODY, FRONT_TEETH = (61, 291), 16, 13
REST, AA, OO, EE = SpeechFrame(0.0), SpeechFrame(0.95), SpeechFrame(0.3, spread=-1.0), SpeechFrame(0.3, spread=1.0)
PRESS, BITE = SpeechFrame(0.0, press=1.0), SpeechFrame(0.03, bite=1.0)


def pose(face: FaceFrame, moment: SpeechFrame):
    shape = MouthShape.of(face)
    return pose_for(React1Choices(prompt="neutral", temperature=0.5), shape, shape, 1.0, moment=moment)


@dataclass(frozen=True)
class Still:
    picture: np.ndarray
    face: FaceFrame

    def speak(self, moment: SpeechFrame) -> np.ndarray:
        return retouch(self.picture, self.face, pose(self.face, moment))

    def contour(self, moment: SpeechFrame) -> np.ndarray:
        """Return the contour of the opening after the displacement, px."""
        moved = self.face.to_image_px(landmark_moves(self.face, pose(self.face, moment)))
        return self.face.points_px[INNER_LIPS, :2] + moved[INNER_LIPS]


@pytest.fixture(scope="module")
def still(portrait) -> Still:
    """The portrait with its smile removed and its lips shut, and its face detected again."""
    from react1.pipeline.engine.detect.faces import FaceFinder

    picture = retouch(portrait.picture, portrait.face, pose(portrait.face, REST))
    with FaceFinder() as finder:
        (points,) = finder.find(picture)
    return Still(picture, FaceFrame(points))


def displacement(
    before: np.ndarray, after: np.ndarray, place_px: np.ndarray, unit_px: float, patch: float = 0.12
) -> tuple:
    """Return how far the patch at a place moved, (right, up) in units, by template matching."""
    import cv2

    half, reach = int(patch * unit_px), int(0.28 * unit_px)
    x, y = (round(float(value)) for value in place_px[:2])
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (before, after)]
    template = grey[0][y - half : y + half + 1, x - half : x + half + 1]
    far = half + reach
    score = cv2.matchTemplate(grey[1][y - far : y + far + 1, x - far : x + far + 1], template, cv2.TM_CCOEFF_NORMED)
    row, column = np.unravel_index(score.argmax(), score.shape)
    return (column - reach) / unit_px, (reach - row) / unit_px


def inside(picture: np.ndarray, contour: np.ndarray, within: float = 0.95) -> np.ndarray:
    """Return the pixels inside a contour, (count, 3)."""
    box = (0, 0, picture.shape[1], picture.shape[0])
    return picture[soft_mask(contour, box, 0) > within].astype(float)


def width_change(still: Still, moment: SpeechFrame) -> float:
    """Return how much wider the mouth got, in units; small patches, so that they show corners, not cheeks."""
    after = still.speak(moment)
    left, right = (
        displacement(still.picture, after, still.face.points_px[at], still.face.unit_px, 0.07)[0] for at in CORNERS
    )
    return right - left


def test_rounding_narrows_the_mouth_and_spreading_widens_it(still: Still) -> None:
    """Compared to an equally open mouth: narrower by more than 0.1 units for oo, wider by more than 0.03 for ee."""
    usual = width_change(still, SpeechFrame(0.3))

    assert width_change(still, OO) < usual - 0.10
    assert width_change(still, EE) > usual + 0.03


def test_the_lower_lip_rises_to_the_teeth_for_f_and_falls_with_the_jaw_for_a(still: Still) -> None:
    """The lower lip moves as expected by template matching; a bite shows a slit of teeth, an `a` a dark cavity."""
    at, unit = still.face.points_px[LOWER_LIP_BODY], still.face.unit_px

    assert displacement(still.picture, still.speak(AA), at, unit)[1] < -0.12
    assert abs(displacement(still.picture, still.speak(BITE), at, unit)[1]) < 0.04
    contour = still.contour(BITE)
    assert (contour[15] - contour[5])[1] > 0.02 * unit
    slit = inside(still.speak(BITE), contour, 0.5) @ LUMA
    hollow = inside(still.speak(AA), still.contour(AA)) @ LUMA
    assert np.percentile(slit, 70) > 2 * np.percentile(hollow, 10)


def test_pressed_lips_are_thinner_than_resting_ones(still: Still) -> None:
    """Pressed lips are less than 0.85 as high as resting lips; rounded lips are higher."""

    def red(moment: SpeechFrame) -> float:
        shape = landmark_moves(still.face, pose(still.face, moment))[LIPS, 1] + still.face.local[LIPS, 1]
        return float(np.ptp(shape))

    assert red(PRESS) < 0.85 * red(REST)
    assert red(OO) > red(REST)


def test_teeth_stay_fixed_to_the_skull_while_lips_move(still: Still) -> None:
    """From half to wide open the lower lip moves far, and the edge of the front teeth by at most a pixel."""
    half, wide = still.speak(SpeechFrame(0.55)), still.speak(AA)
    unit = still.face.unit_px
    edge = still.face.points_px[FRONT_TEETH, :2] + still.face.plane_px[1] * EDGE_BELOW_LIP

    across, up = displacement(half, wide, edge, unit, 0.035)

    assert abs(up) <= 1.01 / unit
    assert abs(across) <= 1.01 / unit
    lower = still.contour(SpeechFrame(0.55))[15]
    assert displacement(half, wide, lower + still.face.plane_px[1] * 0.06, unit, 0.06)[1] < -0.06


def test_teeth_rotate_with_the_head(still: Still) -> None:
    """In the head's frame the teeth are equal for a head that is rotated, scaled and shifted."""
    face, edge = still.face, resting_lip(still.face) + EDGE_BELOW_LIP
    corner = face.points_px[[61, 291], :2].mean(0)
    grid = corner + np.stack(np.meshgrid(np.linspace(-30, 30, 61), np.linspace(-12, 12, 25)), -1)
    angle = math.radians(20)
    turn = 1.6 * np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    turned = FaceFrame(face.points_px @ turn.T + np.array([50.0, 9.0, 0.0]))

    reference = draw_teeth(UPPER, face, edge, grid)
    rotated = draw_teeth(UPPER, turned, edge, grid @ turn[:2, :2].T + np.array([50.0, 9.0]))

    assert 0.2 < reference.cover.mean() < 0.9
    assert np.abs(reference.cover - rotated.cover).mean() < 0.03
    shifted = draw_teeth(UPPER, face, edge, grid + face.plane_px[1] * 0.05)
    assert np.abs(reference.cover - shifted.cover).mean() > 0.1


def test_drawn_teeth_have_the_light_of_the_face(still: Still) -> None:
    """A shot at a third of the light has teeth at about a third; a warm shot has warmer teeth."""

    def teeth(gains: tuple[float, float, float]) -> np.ndarray:
        lit = np.clip(still.picture * np.array(gains), 0, 255).astype(np.uint8)
        drawn = inside(Still(lit, still.face).speak(AA), still.contour(AA))
        return drawn[drawn @ LUMA >= np.percentile(drawn @ LUMA, 90)].mean(0)

    bright, dark, warm = teeth((0.9, 0.9, 0.9)), teeth((0.3, 0.3, 0.3)), teeth((0.9, 0.75, 0.5))

    assert 0.22 < float(dark @ LUMA) / float(bright @ LUMA) < 0.45
    assert warm[2] / warm[0] < 0.9 * bright[2] / bright[0]
    cheek = measure_light(still.picture, still.face).white
    assert 0.45 < float(bright @ LUMA) / float(cheek @ LUMA) < 1.1


def test_drawn_teeth_are_no_dark_slot_in_the_face(still: Still) -> None:
    """The front teeth of a drawn smile have at least 0.65 of the luma of the cheeks, in bright and in dim light."""
    for light in (1.0, 0.55):
        shot = Still((still.picture * light).astype(np.uint8), still.face)
        drawn = inside(shot.speak(SpeechFrame(0.3, spread=1.0)), shot.contour(SpeechFrame(0.3, spread=1.0))) @ LUMA
        front = float(np.percentile(drawn, 80))
        cheeks = []
        for cheek in CHEEKS:
            x, y = np.round(still.face.points_px[cheek, :2]).astype(int)
            cheeks.append((shot.picture[y - 4 : y + 5, x - 4 : x + 5].astype(float) @ LUMA).mean())
        assert 0.65 < front / float(np.mean(cheeks)) < 1.4


def test_the_ends_of_a_smile_that_shuts_are_no_holes(portrait) -> None:
    """What is dark in the corners of an open smile is painted over where lips shut; the open middle stays."""
    import cv2

    face, shape = portrait.face, MouthShape.of(portrait.face)
    smaller = Pose("face", 1.0, {"AU15": 1.0}, 1.0, shape, 0.05)
    dark = portrait.picture.copy()
    corners = [
        np.concatenate([UPPER_LIP[3, ends], LOWER_LIP[3, ends][::-1]]) for ends in (slice(0, 3), slice(-3, None))
    ]
    for corner in corners:
        cv2.fillPoly(dark, [np.round(face.points_px[corner, :2]).astype(np.int32)], (12, 5, 5))

    hidden = hide_interior(dark, face, smaller)

    for column in (2, 8):
        x, y = np.round(face.points_px[[UPPER_LIP[3, column], LOWER_LIP[3, column]], :2].mean(0)).astype(int)
        assert hidden[y, x] @ LUMA > dark[y, x] @ LUMA + 15
    middle = np.round((face.points_px[13, :2] + face.points_px[14, :2]) / 2).astype(int)
    assert (hidden[middle[1], middle[0]] == dark[middle[1], middle[0]]).all()


def test_an_open_mouth_has_teeth_above_dark_above_tongue(still: Still) -> None:
    """Down the middle of an `a`: bright, then less than half of it, then redder."""
    picture, contour = still.speak(AA), still.contour(AA)
    top, bottom = contour[5], contour[15]
    places = [np.round(top + (bottom - top) * share).astype(int) for share in np.linspace(0.1, 0.9, 17)]
    column = [picture[row, at].astype(float) for at, row in places]
    luma = np.array([pixel @ LUMA for pixel in column])

    assert luma[:6].max() > 2 * luma.min()
    assert luma[:6].max() > luma[8:].max()
    dark = column[int(luma.argmin())]
    assert dark[0] >= dark[1]


def test_teeth_that_change_from_drawn_to_own_ones_are_not_grey(portrait) -> None:
    """Halfway between drawn and own teeth, the brightest fifth of a mouth is hardly darker than the darker of both."""
    face = portrait.face
    shape = MouthShape.of(face)
    happy = pose_for(React1Choices(prompt="happy", temperature=1.0), shape, shape, 1.0)

    def brightness(own: float) -> float:
        picture = warp(portrait.picture, face, landmark_moves(face, happy), happy)
        fill_mouth(portrait.picture, picture, face, replace(happy, own_teeth=own))
        contour = picture.places_px[INNER_LIPS]
        inside = soft_mask(contour, (0, 0, *picture.picture.shape[1::-1]), 0) > 0.9
        return float(np.quantile(picture.picture[inside] @ LUMA, 0.8))

    assert brightness(0.5) > 0.93 * min(brightness(0.0), brightness(1.0))


def test_drawn_teeth_end_where_own_ones_end_while_one_becomes_the_other(portrait) -> None:
    """Long own teeth, halfway to drawn ones: the row is bright as far as they reach, without a grey band at its end."""
    import cv2

    picture, face = portrait.picture.copy(), portrait.face
    upper, lower = (face.points_px[lip[3], :2] for lip in (UPPER_LIP, LOWER_LIP))
    opening = np.concatenate([upper, lower[::-1]])
    teeth = np.concatenate([upper, (0.2 * upper + 0.8 * lower)[::-1]])
    for area, color in ((opening, (40, 20, 20)), (teeth, (235, 230, 215))):
        cv2.fillPoly(picture, [np.round(area).astype(np.int32)], color)
    shape = MouthShape.of(face)
    happy = pose_for(React1Choices(prompt="happy", temperature=1.0), shape, shape, 1.0)
    happy = replace(happy, resting_lip=resting_lip(face) - 0.10)  # drawn teeth end higher than these

    def edge(own: float) -> float:
        """Return how far down the middle of the mouth teeth are bright, in units."""
        warped = warp(picture, face, landmark_moves(face, happy), happy)
        fill_mouth(picture, warped, face, replace(happy, own_teeth=own))
        top, bottom = warped.places_px[UPPER_LIP[3, 5]], warped.places_px[LOWER_LIP[3, 5]]
        column = warped.picture[round(top[1]) : round(bottom[1]) - 2, round(top[0])] @ LUMA
        return float(np.flatnonzero(column > 0.65 * column.max()).max() / face.unit_px)

    assert abs(edge(0.5) - edge(1.0)) < 0.02
    assert edge(0.0) < edge(1.0) - 0.05


def test_drawn_teeth_of_a_smiler_are_not_hidden_by_the_lip(portrait) -> None:
    """Where a toothy smile becomes surprised, a drawn row hangs from the lip by a tenth of a unit: no black hole."""
    face, shape = portrait.face, MouthShape.of(portrait.face)
    surprised = pose_for(React1Choices(prompt="surprised", temperature=1.0), shape, shape, 1.0)
    warped = warp(portrait.picture, face, landmark_moves(face, surprised), surprised)

    fill_mouth(portrait.picture, warped, face, replace(surprised, own_teeth=0.0))

    top, bottom = warped.places_px[UPPER_LIP[3, 5]], warped.places_px[LOWER_LIP[3, 5]]
    inside = warped.picture[round(top[1]) : round(bottom[1]), round(top[0]) - 3 : round(top[0]) + 4] @ LUMA
    upper_half = inside[: len(inside) // 2].mean(1)
    assert (upper_half > 0.6 * upper_half.max()).sum() > 0.1 * face.unit_px


def test_side_teeth_of_a_smile_are_no_fangs_in_a_narrower_mouth(portrait) -> None:
    """Where a wide smile becomes an open mouth, its teeth end at the sides no lower than in the middle."""
    import cv2

    picture, face = portrait.picture.copy(), portrait.face
    upper, lower = (face.points_px[lip[3], :2] for lip in (UPPER_LIP, LOWER_LIP))
    opening = np.concatenate([upper, lower[::-1]])
    teeth = np.concatenate([upper, (0.3 * upper + 0.7 * lower)[::-1]])
    for area, color in ((opening, (40, 20, 20)), (teeth, (235, 230, 215))):
        cv2.fillPoly(picture, [np.round(area).astype(np.int32)], color)
    shape = MouthShape.of(face)
    surprised = pose_for(React1Choices(prompt="surprised", temperature=1.0), shape, shape, 1.0)
    surprised = replace(surprised, widen=-0.25)
    moved = face.points_px[:, :2] + face.to_image_px(landmark_moves(face, surprised))

    after = retouch(picture, face, surprised)

    ends = {}
    for share in (0.15, 0.5, 0.85):
        column = moved[UPPER_LIP[3, 0]] * (1 - share) + moved[UPPER_LIP[3, -1]] * share
        top, bottom = moved[UPPER_LIP[3], 1].min(), moved[LOWER_LIP[3], 1].max()
        blue = after[round(top) : round(bottom), round(column[0]), 2]  # of skin and lips there is less
        ends[share] = (top + np.flatnonzero(blue > 0.75 * 215).max()) / face.unit_px
    assert max(ends[0.15], ends[0.85]) < ends[0.5]


def test_nothing_is_painted_outside_the_lips(still: Still) -> None:
    """Filling an open mouth changes no pixel further than 0.05 units outside the opening."""
    import cv2

    take_pose = pose(still.face, AA)
    warped = warp(still.picture, still.face, landmark_moves(still.face, take_pose), take_pose)
    before = warped.picture.copy()

    fill_mouth(still.picture, warped, still.face, take_pose)

    opening = np.zeros(before.shape[:2], np.uint8)
    cv2.fillPoly(opening, [np.round(warped.places_px[INNER_LIPS]).astype(np.int32)], 1)
    away = cv2.distanceTransform(1 - opening, cv2.DIST_L2, 5)
    touched = (warped.picture != before).any(2)
    assert touched.sum() > 200
    assert away[touched].max() <= 0.05 * still.face.unit_px + 1


def test_closing_lips_hide_the_interior(portrait) -> None:
    """A toothy smile is pressed shut: along the line of the lips no pixel differs much from the next."""
    pressed = retouch(portrait.picture, portrait.face, pose(portrait.face, PRESS))
    face = portrait.face
    moves = face.points_px[:, :2] + face.to_image_px(landmark_moves(face, pose(face, PRESS)))
    upper, lower = moves[UPPER_LIP[3]], moves[LOWER_LIP[3]]
    spots = np.arange(upper[1, 0], upper[-2, 0]).round().astype(int)
    rows = np.interp(spots, upper[:, 0], (upper + lower)[:, 1] / 2).round().astype(int)
    pixels = zip(spots, rows, strict=True)
    columns = np.stack([pressed[row - 3 : row + 4, at].astype(float) @ LUMA for at, row in pixels])
    assert np.abs(np.diff(columns, axis=1)).max() < 65
    assert hide_interior(portrait.picture, face, pose(face, SpeechFrame(0.6))) is portrait.picture


def test_drawn_interiors_have_the_blur_and_grain_of_the_shot(still: Still) -> None:
    """A soft shot gets a soft interior, a noisy shot a noisy interior."""
    import cv2

    soft = Still(cv2.GaussianBlur(still.picture, (0, 0), 2.5), still.face)
    noisy = still.picture + np.random.default_rng(5).normal(0, 6, still.picture.shape[:2])[..., None]
    rough = Still(np.clip(noisy, 0, 255).astype(np.uint8), still.face)

    def detail(shot: Still) -> float:
        """Return the second difference from pixel to pixel inside the mouth."""
        grey = shot.speak(AA).astype(float) @ LUMA
        roughness = np.abs(np.diff(grey, 2, axis=0, prepend=0, append=0))
        return float(roughness[soft_mask(shot.contour(AA), (0, 0, grey.shape[1], grey.shape[0]), 0) > 0.95].mean())

    lights = [measure_light(shot.picture, shot.face) for shot in (still, soft, rough)]

    assert lights[1].blur_px > 1.7 * lights[0].blur_px
    assert lights[0].grain < 1.5 < 4.0 < lights[2].grain < 8.0
    assert detail(soft) < 0.7 * detail(still) < detail(still) < 0.7 * detail(rough)


@pytest.mark.slow
def test_an_interior_fades_in_without_a_jump(still: Still) -> None:
    """While the mouth opens in steps of 1/260 unit its mean brightness changes by less than 16 at each step."""
    region = still.contour(SpeechFrame(0.3))

    means = [float((inside(still.speak(SpeechFrame(step / 78)), region) @ LUMA).mean()) for step in range(25)]

    steps = np.abs(np.diff(means))
    assert steps.max() < 16
    assert means[0] - means[-1] > 15


def test_the_inside_of_a_mouth_is_as_pale_as_its_lips() -> None:
    """A colour keeps its luma: grey between the lips of a picture without colours, unchanged between usual ones."""
    white, red = np.array([220.0, 215.0, 210.0]), np.array([0.74, 0.38, 0.37])

    grey, pale, usual = (
        color_of_shot(red, np.array(lip), white) for lip in ((132.0, 129.0, 126.0), (150, 125, 122), (185, 115, 110))
    )

    assert np.ptp(grey) < 0.02
    assert np.ptp(grey) < np.ptp(pale) < 0.7 * np.ptp(red)
    assert np.allclose(usual, red)
    assert np.allclose([grey @ LUMA, pale @ LUMA], red @ LUMA)
