"""The fold between cheek and lip: where it lies, its profile, and how it keeps to the face's own line."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from react1.pipeline.engine.geometry.head_frame import MouthShape
from react1.pipeline.engine.geometry.mesh import SKIN_COUNT
from react1.pipeline.engine.pose.pose import Pose
from react1.pipeline.engine.render.nasolabial import PATH, fold_cheeks
from react1.pipeline.engine.warp.warp import Warped

LEVEL = 180
SHARP = 3
"""The picture is enlarged by this, so that the profile of a fold spans several pixels."""


def _folded(
    portrait, amount: float = 1.0, line: float | None = None, mode: str = "face"
) -> tuple[np.ndarray, np.ndarray]:
    """Return an even face, with a dark line this far outward of the path if asked for, before and after a fold."""
    height, width = portrait.picture.shape[:2]
    face = type(portrait.face)(portrait.face.points_px * SHARP)
    even = np.full((height * SHARP, width * SHARP, 3), LEVEL, np.uint8)
    places = face.points_px[:SKIN_COUNT, :2]
    if line is not None:
        for side, path in PATH.items():
            own = np.round(places[list(path)] + face.plane_px[0] * side * line).astype(np.int32)
            cv2.polylines(even, [own], False, (LEVEL * 0.75,) * 3, round(0.03 * face.unit_px), cv2.LINE_AA)
        even = cv2.GaussianBlur(even, (0, 0), 0.012 * face.unit_px)
    warped = Warped((0, 0, even.shape[1], even.shape[0]), even.copy(), places, np.zeros_like(places))
    rest = MouthShape.of(face)
    units = {"AU9": 0.85 * amount, "AU10": 1.35 * amount, "AU11": 1.6 * amount}
    fold_cheeks(warped, face, Pose(mode, 1.0, units, 0.0, rest, rest.gap), np.ones(3))
    return even[..., 1].astype(float), warped.picture[..., 1].astype(float)


def _across(portrait, picture: np.ndarray, side: int, mark: int) -> np.ndarray:
    """Return the picture along a line outward across the fold at a landmark of its path, from -0.15 to 0.15 units."""
    face = type(portrait.face)(portrait.face.points_px * SHARP)
    steps = np.linspace(-0.15, 0.15, 61)[:, None]
    places = face.points_px[PATH[side][mark], :2] + side * steps * face.plane_px[0]
    maps = places.astype(np.float32)
    return cv2.remap(picture.astype(np.float32), maps[:, :1], maps[:, 1:], cv2.INTER_LINEAR)[:, 0]


@pytest.mark.parametrize("side", [-1, 1])
def test_a_fold_is_sharp_towards_the_lip_and_soft_towards_the_cheek(portrait, side: int) -> None:
    """On smooth skin it takes 2 to 7 % of the light; half of that is reached in less way on its inner side."""
    _, after = _folded(portrait)

    depth = 1 - _across(portrait, after, side, 2) / LEVEL

    deepest = int(depth.argmax())
    half = np.flatnonzero(depth > depth.max() / 2)
    assert 0.02 < depth.max() < 0.07
    assert half[-1] - deepest > 1.25 * (deepest - half[0])
    assert deepest - half[0] <= 7  # 0.035 units
    assert depth[-20:].min() < -0.05 * depth.max()  # the cheek beside it catches light


@pytest.mark.parametrize("side", [-1, 1])
def test_a_fold_ends_before_the_corner_of_the_mouth(portrait, side: int) -> None:
    """Beside the corner nothing is darker, and it is deepest below the wing of the nose."""
    _, after = _folded(portrait)

    depths = [1 - _across(portrait, after, side, mark).min() / LEVEL for mark in range(6)]

    assert depths[5] < 0.006
    assert depths[4] < 0.5 * depths[2]
    assert max(depths) == depths[2]


@pytest.mark.parametrize("line", [-0.03, 0.03])
def test_a_fold_keeps_to_the_line_of_the_face(portrait, line: float) -> None:
    """A line beside the path gets deeper by three times as much as smooth skin is folded, and no second one appears."""
    before, after = _folded(portrait, line=line)
    _, smooth = _folded(portrait)

    for side in (-1, 1):
        own, folded = _across(portrait, before, side, 3), _across(portrait, after, side, 3)
        change = own - folded
        at = np.linspace(-0.15, 0.15, 61)
        assert at[change.argmax()] == pytest.approx(at[own.argmin()], abs=0.02)
        assert change.max() > 3 * (LEVEL - _across(portrait, smooth, side, 3).min())


def test_a_fold_follows_its_units(portrait) -> None:
    """It is deeper for more, there is none without, and none in the edit region `lips`."""
    none, half, full = (LEVEL - _folded(portrait, amount)[1].min() for amount in (0.0, 0.5, 1.0))

    assert 0 == none < half < full
    assert (_folded(portrait, mode="lips")[1] == LEVEL).all()
