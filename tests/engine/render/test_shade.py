"""Folds: blurs computed in smaller pictures, the same to a fraction of a step, and lines beside the eyes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from react1.pipeline.engine.geometry.head_frame import MouthShape
from react1.pipeline.engine.geometry.mesh import EYES, NOSE_BRIDGE
from react1.pipeline.engine.pose.pose import Pose
from react1.pipeline.engine.render.shade import blurred, deepen_crows_feet, shade_folds
from react1.pipeline.engine.warp.warp import Warped


@pytest.mark.parametrize("sigma_px", [0.8, 3.1, 7.0, 16.0, 40.0])
def test_a_blur_in_a_smaller_picture_is_the_same(portrait, sigma_px: float) -> None:
    """Within 0.8 steps of 255 on average, and 4 anywhere away from the border."""
    import cv2

    exact = cv2.GaussianBlur(portrait.picture.astype(np.float32), (0, 0), sigma_px)

    difference = np.abs(blurred(portrait.picture, sigma_px) - exact)[80:-80, 80:-80]

    assert difference.mean() < 0.8
    assert difference.max() < 4


def test_a_cheek_that_rises_deepens_the_lines_beside_the_eye(portrait) -> None:
    """Faint lines get deeper by at least half with AU6; smooth skin and what is as dark as hair keep their bytes."""
    import cv2

    face = portrait.face
    unit, right, down = face.unit_px, *face.plane_px
    places, rest = face.points_px[:468, :2], MouthShape.of(face)
    pose = Pose("face", 1.0, {"AU6": 1.5}, 0.0, rest, rest.gap)

    def darkened(color: int) -> float:
        """Return the darkest place of a line beside the eye on skin of 180: before and after, as a share."""
        lined = np.full_like(portrait.picture, 180)
        for side, eye in EYES.items():
            ends = [places[eye.outer] + side * right * out + down * 0.03 for out in (0.1, 0.28)]
            first, last = (tuple(int(value) for value in np.round(end)) for end in ends)
            cv2.line(lined, first, last, (color,) * 3, max(1, round(0.02 * unit)))
        lined = cv2.GaussianBlur(lined, (0, 0), 0.7)
        warped = Warped((0, 0, 640, 480), lined.copy(), places, np.zeros_like(places))
        deepen_crows_feet(warped, face, pose, np.ones(3))
        unchanged = Warped((0, 0, 640, 480), lined.copy(), places, np.zeros_like(places))
        deepen_crows_feet(unchanged, face, replace(pose, units={"AU6": 0.0}), np.ones(3))
        assert (unchanged.picture == lined).all()
        return float((180 - warped.picture.min()) / max(1, 180 - lined.min()))

    assert darkened(180) == 0
    assert darkened(155) > 1.5
    assert darkened(10) < 1.02


def test_lines_on_a_wrinkled_nose_are_faint_and_grow_with_it(portrait) -> None:
    """On plain skin no place of the nose gets darker by more than a tenth, or brighter by 6 %; a half is fainter."""
    face = portrait.face
    places, rest = face.points_px[:468, :2], MouthShape.of(face)
    middle = np.round(places[NOSE_BRIDGE]).astype(int)
    reach = round(0.3 * face.unit_px)
    nose = np.s_[middle[1] - reach : middle[1] + reach, middle[0] - reach : middle[0] + reach]

    def shares(amount: float) -> np.ndarray:
        plain = np.full_like(portrait.picture, 200)
        warped = Warped((0, 0, 640, 480), plain, places, np.zeros_like(places))
        shade_folds(warped, face, Pose("face", 1.0, {"AU9": amount}, 0.0, rest, rest.gap), np.ones(3))
        return warped.picture[nose].min(2) / 200

    darkest = [float(1 - shares(amount).min()) for amount in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert darkest[0] == 0
    assert all(b > a for a, b in pairwise(darkest))
    assert darkest[-1] < 0.10
    assert shares(1.0).max() < 1.06
