"""Broad shading of bulges: where it acts, how strongly, and where it must not."""

from __future__ import annotations

import numpy as np
import pytest

from react1.pipeline.engine.geometry.head_frame import MouthShape
from react1.pipeline.engine.geometry.mesh import EYES, INNER_LIPS, SKIN_COUNT
from react1.pipeline.engine.pose.pose import Pose
from react1.pipeline.engine.render.relief import MOST, RELIEF, shade_relief
from react1.pipeline.engine.warp.warp import Warped


def _shaded(portrait, units: dict[str, float], mode: str = "face", channel: int = 1) -> np.ndarray:
    """Return the share of its light that each pixel keeps in a channel: the grey 128 is easy to measure on."""
    grey = np.full_like(portrait.picture, 128)
    height, width = grey.shape[:2]
    places = portrait.face.points_px[:SKIN_COUNT, :2]
    warped = Warped((0, 0, width, height), grey, places, np.zeros_like(places))
    rest = MouthShape.of(portrait.face)
    shade_relief(warped, portrait.face, Pose(mode, 1.0, units, 0.0, rest, rest.gap))
    return warped.picture[..., channel] / 128


def _at(portrait, picture: np.ndarray, outward: float, down: float) -> float:
    right, below = portrait.face.plane_px
    x, y = np.round(portrait.face.origin_px[:2] + right * outward + below * down).astype(int)
    return float(picture[y, x])


@pytest.mark.parametrize("bulge", RELIEF, ids=lambda bulge: "+".join(bulge.weights))
def test_each_unit_shades_its_place_on_both_sides(portrait, bulge) -> None:
    """A unit changes the light of its place by its weight, half of it at half the amplitude, and both sides alike."""
    for name, weight in bulge.weights.items():
        full, half = (_shaded(portrait, {name: amplitude}) for amplitude in (1.0, 0.5))
        for side in (-1, 1):
            gained = _at(portrait, full, side * bulge.at[0], bulge.at[1]) - 1
            assert gained == pytest.approx(weight, abs=0.35 * abs(weight) + 0.015)
            assert _at(portrait, half, side * bulge.at[0], bulge.at[1]) - 1 == pytest.approx(gained / 2, abs=0.015)


def test_a_smile_that_another_expression_replaces_leaves_its_light(portrait) -> None:
    """AU0 takes light off the cheeks of a neutral face; under a frown it leaves them, and the frown shades nothing."""
    relaxed, frowning = (_shaded(portrait, {"AU0": 1.0, **more}) for more in ({"AU43": 0.1}, {"AU15": 1.0}))

    assert _at(portrait, relaxed, 0.60, 0.48) < 0.94
    assert (frowning == 1).all()


def test_shadow_on_skin_is_warm(portrait) -> None:
    """In the shadow of a wrinkled nose red loses about half of what green and blue lose."""
    red, green, blue = (
        1 - _at(portrait, _shaded(portrait, {"AU9": 1.0}, channel=number), 0.0, 0.27) for number in range(3)
    )

    assert green == blue > 0.08
    assert 0.35 * green < red < 0.65 * green


def test_eyes_lips_and_the_rest_of_the_picture_stay(portrait) -> None:
    """Eyes and the inside of the mouth keep their bytes, so does everything far away; at most 22 % is changed."""
    units = {name: 3.0 for bulge in RELIEF for name in bulge.weights}
    shaded = _shaded(portrait, units)
    for eye in EYES.values():
        x, y = np.round(portrait.face.points_px[eye.iris, :2]).astype(int)
        assert shaded[y, x] == 1
    x, y = np.round(portrait.face.points_px[INNER_LIPS, :2].mean(0)).astype(int)
    assert shaded[y, x] == 1
    assert (shaded[:20] == 1).all()
    assert np.abs(shaded - 1).max() <= MOST + 0.01
    assert (_shaded(portrait, units, "lips") == 1).all()
