"""The performer's own rows of teeth in a mouth that opens further: on pixels of a mouth that is painted open."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.arrays import Curve, Points
from react1.pipeline.engine.frames.shot_light import LUMA, measure_light
from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
from react1.pipeline.engine.geometry.mesh import LOWER_LIP, UPPER_LIP
from react1.pipeline.engine.mouth.mouth import fill_mouth
from react1.pipeline.engine.mouth.opening import opening_in_box
from react1.pipeline.engine.mouth.own_rows import COLUMNS, find_rows
from react1.pipeline.engine.planning.animate import pose_for
from react1.pipeline.engine.pose.pose import Pose
from react1.pipeline.engine.render.draw import retouch
from react1.pipeline.engine.warp.landmark_moves import landmark_moves
from react1.pipeline.engine.warp.warp import warp

TOOTH, HOLLOW, TONGUE = (232, 222, 205), (52, 20, 18), (188, 98, 92)
GAP = 0.20


@dataclass(frozen=True)
class Mouth:
    """A painted mouth: bands of colour from the upper lip to the lower one."""

    picture: np.ndarray
    face: FaceFrame

    def opened(self, more: float) -> tuple[np.ndarray, Points, Points]:
        """Return the picture with the mouth opened by this much, and the borders of both lips, (11, 2) px."""
        shape = MouthShape.of(self.face)
        pose = Pose("face", 1.0, {}, 0.0, shape, shape.gap + more)
        moved = self.face.points_px[:, :2] + self.face.to_image_px(landmark_moves(self.face, pose))
        return retouch(self.picture, self.face, pose), moved[UPPER_LIP[3]], moved[LOWER_LIP[3]]

    def bright_runs(self, more: float) -> list[tuple[float, float]]:
        """Return where teeth begin and end down the middle of the opened mouth, in units from the upper lip."""
        after, upper, lower = self.opened(more)
        luma = column_luma(after, upper[5], lower[5])
        length = float(np.linalg.norm(lower[5] - upper[5])) / self.face.unit_px
        bright = np.concatenate([[False], luma > 150, [False]])
        edges = np.flatnonzero(np.diff(bright.astype(int))) / len(luma) * length
        return [run for run in zip(edges[::2], edges[1::2], strict=True) if run[1] - run[0] > 0.015]


def column_luma(picture: np.ndarray, top: Points, bottom: Points) -> Curve:
    import cv2

    places = (top + (bottom - top) * np.linspace(0, 1, 161)[:, None])[None].astype(np.float32)
    seen = cv2.remap(picture, places[..., 0], places[..., 1], cv2.INTER_LINEAR)[0]
    return np.asarray(seen.astype(float) @ LUMA)


def painted(portrait, bands: list[tuple[float, tuple[int, int, int]]]) -> Mouth:
    """Return the portrait, enlarged, with its lips `GAP` apart and bands of colour between them: (share, colour)."""
    import cv2

    picture = cv2.resize(portrait.picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    points = portrait.face.points_px * 2
    face = FaceFrame(points)
    across = np.linspace(-1, 1, 11)[1:-1]
    opening = GAP * np.sqrt(1 - across**4)[:, None] * face.plane_px[1]
    for ring in range(4):
        points[LOWER_LIP[ring, 1:-1], :2] += opening - (points[LOWER_LIP[3, 1:-1]] - points[UPPER_LIP[3, 1:-1]])[:, :2]
    upper, lower = points[UPPER_LIP[3], :2], points[LOWER_LIP[3], :2]
    start = 0.0
    for share, color in bands:
        edges = [upper + (lower - upper) * at for at in (start, start + share)]
        cv2.fillPoly(picture, [np.round(np.concatenate([edges[0], edges[1][::-1]])).astype(np.int32)], color)
        start += share
    return Mouth(cv2.GaussianBlur(picture, (0, 0), 1.0), FaceFrame(points))


def test_both_rows_keep_their_height_and_go_apart(portrait) -> None:
    """Opened by 0.2 units there are two rows as before: one below the upper lip, one above the lower; dark between."""
    mouth = painted(portrait, [(0.4, TOOTH), (0.3, HOLLOW), (0.3, TOOTH)])

    runs = mouth.bright_runs(0.2)

    assert len(runs) == 2
    (_, upper_end), (lower_start, lower_end) = runs
    before = mouth.bright_runs(0.0)
    assert abs((lower_end - lower_start) - (before[1][1] - before[1][0])) < 0.02
    assert upper_end - before[0][1] < 0.07  # the upper lip rises by some of the opening and bares gum or tooth
    assert lower_start - upper_end > before[1][0] - before[0][1] + 0.10


def test_shut_teeth_get_no_second_row_and_no_black_below_them(portrait) -> None:
    """Teeth that fill the opening stay one row; what opens below is dark and reddish, not black."""
    mouth = painted(portrait, [(1.0, TOOTH)])

    after, _, lower = mouth.opened(0.10)

    runs = mouth.bright_runs(0.10)
    assert len(runs) == 1
    assert runs[0][1] - runs[0][0] < GAP + 0.05
    opened = lower[5] - mouth.face.plane_px[1] * 0.03
    x, y = np.round(opened).astype(int)
    patch = after[y - 2 : y + 3, x - 4 : x + 5].reshape(-1, 3).mean(0)
    assert 28 < patch @ LUMA < 120
    assert patch[0] > 1.35 * patch[1]


def test_an_inside_that_would_be_stretched_to_streaks_is_drawn(portrait) -> None:
    """Opened to three times its height, what a picture shows between its rows gives way to a drawn dark."""
    mouth = painted(portrait, [(0.35, TOOTH), (0.3, (18, 60, 18)), (0.35, TOOTH)])

    after, upper, lower = mouth.opened(0.12)

    x, y = np.round((upper[5] + lower[5]) / 2).astype(int)
    patch = after[y - 1 : y + 2, x - 4 : x + 5].reshape(-1, 3).mean(0)
    assert patch[0] > 1.2 * patch[1]
    assert patch @ LUMA < 100


def test_bared_gum_lies_in_the_shadow_of_the_lip(portrait) -> None:
    """An upper lip that rises off its teeth bares gum that is darker directly under it: no flat band."""
    mouth = painted(portrait, [(0.8, TOOTH), (0.2, HOLLOW)])
    shape = MouthShape.of(mouth.face)
    pose = Pose("face", 1.0, {"AU10": 2.5}, 0.0, shape, shape.gap + 0.05)
    moved = mouth.face.points_px[:, :2] + mouth.face.to_image_px(landmark_moves(mouth.face, pose))

    after = retouch(mouth.picture, mouth.face, pose)

    top = moved[UPPER_LIP[3, 5]]
    down = mouth.face.plane_px[1]
    shadow, gum = (column_luma(after, top + down * at, top + down * (at + 0.01)).mean() for at in (0.015, 0.055))
    assert shadow < 0.9 * gum


def test_a_tongue_is_no_row(portrait) -> None:
    """A wide open mouth that shows a tongue below its upper row keeps it: nothing is drawn over it."""
    mouth = painted(portrait, [(0.25, TOOTH), (0.75, TONGUE)])

    after, upper, lower = mouth.opened(0.05)

    middle = upper[5] + (lower[5] - upper[5]) * 0.65
    x, y = np.round(middle).astype(int)
    patch = after[y - 3 : y + 4, x - 5 : x + 6].reshape(-1, 3).mean(0)
    assert np.abs(patch - TONGUE).max() < 30
    assert len(mouth.bright_runs(0.15)) == 1


@pytest.mark.parametrize(
    ("bands", "upper", "lower"),
    [
        ([(0.4, TOOTH), (0.3, HOLLOW), (0.3, TOOTH)], 0.4, 0.3),
        ([(0.5, TOOTH), (0.5, HOLLOW)], 0.5, None),
        ([(0.6, HOLLOW), (0.4, TOOTH)], None, 0.4),
        ([(0.48, TOOTH), (0.06, HOLLOW), (0.46, TOOTH)], 0.5, 0.5),
        ([(1.0, TONGUE)], None, None),
    ],
)
def test_rows_are_found_where_they_are(portrait, bands: list, upper: float | None, lower: float | None) -> None:
    """The ends of the rows are right within 7 % of the opening, in the middle and beside it."""
    mouth = painted(portrait, bands)
    source = opening_in_box(mouth.face.points_px[:468, :2], (0, 0, 4, 4))

    rows = find_rows(mouth.picture, source, measure_light(mouth.picture, mouth.face).white, mouth.face)

    near = np.abs(COLUMNS) < 0.4
    for sure, ends, wanted in ((rows.has_upper, rows.upper, upper), (rows.has_lower, rows.lower, lower)):
        assert (sure > 0.9) == (wanted is not None)
        if wanted is not None:
            assert np.abs(ends[near] - wanted).max() < 0.07


def test_a_row_that_is_half_hidden_does_not_slant(portrait) -> None:
    """Teeth that are dark on one side, more from tooth to tooth, still end in line with the head, within 5 degrees."""
    import cv2

    mouth = painted(portrait, [(0.5, TOOTH), (0.5, HOLLOW)])
    upper, lower = (mouth.face.points_px[lip[3], :2] for lip in (UPPER_LIP, LOWER_LIP))
    ends = upper + (lower - upper) * np.array([0.5] * 5 + [0.44, 0.38, 0.32, 0.26, 0.20, 0.14])[:, None]
    cv2.fillPoly(mouth.picture, [np.round(np.concatenate([ends, lower[::-1]])).astype(np.int32)], HOLLOW)
    source = opening_in_box(mouth.face.points_px[:468, :2], (0, 0, 4, 4))

    rows = find_rows(mouth.picture, source, measure_light(mouth.picture, mouth.face).white, mouth.face)

    across = np.array([-0.4, 0.4])
    top, bottom = (np.interp(across, *border) for border in (source.upper, source.lower))
    down = top + np.interp(across, COLUMNS, rows.upper) * (bottom - top)
    first, last = mouth.face.to_local(source.middle + np.stack([across * source.half_px, down], 1) @ source.axes.T)
    assert abs(np.degrees(np.arctan2(last[1] - first[1], last[0] - first[0]))) < 5


def test_the_upper_lip_hardly_rises_over_bare_teeth(portrait) -> None:
    """A jaw that drops by 0.45 units opens a mouth of bare teeth; the upper lip rises by under 0.06."""
    face = painted(portrait, [(1.0, TOOTH)]).face
    shape = MouthShape.of(face)
    pose = Pose("face", 1.0, {"AU26": 1.5}, 0.0, shape, shape.gap + 0.45)

    moves = landmark_moves(face, pose)

    assert -0.06 < moves[UPPER_LIP[3, 5], 1] < 0
    assert moves[LOWER_LIP[3, 5], 1] > 0.35


def test_a_lip_that_rises_bares_little_gum(portrait) -> None:
    """Disgusted, a mouth with an upper row is dark over less than 0.04 units between the lip and the teeth."""
    import cv2

    picture, face = portrait.picture.copy(), portrait.face
    upper, lower = (face.points_px[lip[3], :2] for lip in (UPPER_LIP, LOWER_LIP))
    for area, color in (
        (np.concatenate([upper, lower[::-1]]), (40, 20, 20)),
        (np.concatenate([upper, (0.4 * upper + 0.6 * lower)[::-1]]), (235, 230, 215)),
    ):
        cv2.fillPoly(picture, [np.round(area).astype(np.int32)], color)
    shape = MouthShape.of(face)
    disgusted = pose_for(React1Choices(prompt="disgusted", temperature=1.0), shape, shape, 1.0)
    disgusted = replace(disgusted, gap=shape.gap + 0.12)  # in mid-vowel
    warped = warp(picture, face, landmark_moves(face, disgusted), disgusted)

    fill_mouth(picture, warped, face, disgusted)

    top, bottom = warped.places_px[UPPER_LIP[3, 5]], warped.places_px[LOWER_LIP[3, 5]]
    column = warped.picture[round(top[1]) : round(bottom[1]), round(top[0]) - 3 : round(top[0]) + 4] @ LUMA
    column = column.mean(1)

    assert np.flatnonzero(column > 0.7 * column.max()).min() < 0.04 * face.unit_px
