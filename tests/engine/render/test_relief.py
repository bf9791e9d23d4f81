"""Broad shading of bulges: where it acts, how strongly, and where it must not."""

from __future__ import annotations

import numpy as np
import pytest

from react1.pipeline.engine.geometry.head_frame import MouthShape
from react1.pipeline.engine.geometry.mesh import EYES, INNER_LIPS, SKIN_COUNT
from react1.pipeline.engine.pose.pose import Pose
from react1.pipeline.engine.render.relief import MOST, RELIEF, shade_relief
from react1.pipeline.engine.render.skin_light import skin_slopes
from react1.pipeline.engine.warp.warp import Warped

AT_REST = [bulge for bulge in RELIEF if bulge.only_at_rest]


def _flat(portrait) -> np.ndarray:
    """Return a picture of the grey 128, which is easy to measure on."""
    return np.full_like(portrait.picture, 128)


def _relit(portrait, picture: np.ndarray, units: dict[str, float], mode: str = "face") -> np.ndarray:
    height, width = picture.shape[:2]
    places = portrait.face.points_px[:SKIN_COUNT, :2]
    warped = Warped((0, 0, width, height), picture.copy(), places, np.zeros_like(places))
    rest = MouthShape.of(portrait.face)
    pose = Pose(mode, 1.0, units, 0.0, rest, rest.gap)
    shade_relief(warped, portrait.face, pose, skin_slopes(warped))
    return warped.picture


def _shaded(portrait, units: dict[str, float], mode: str = "face") -> np.ndarray:
    """Return the share of its light that each pixel of a grey face keeps."""
    return _relit(portrait, _flat(portrait), units, mode)[..., 1] / 128


def _with_light(portrait, bulge, share: float) -> np.ndarray:
    """Return the grey face with more light, or less, on the two places of a bulge."""
    light, (rows, columns) = np.zeros(portrait.picture.shape[:2]), np.indices(portrait.picture.shape[:2])
    right, below = portrait.face.plane_px
    for side in (-1, 1):
        x, y = portrait.face.origin_px[:2] + right * side * bulge.at[0] + below * bulge.at[1]
        squared = ((columns - x) ** 2 + (rows - y) ** 2) / (0.10 * portrait.face.unit_px) ** 2
        light += share * np.exp(-0.5 * squared)
    return np.round(_flat(portrait) * (1 + light)[..., None]).astype(np.uint8)


def _at(portrait, picture: np.ndarray, outward: float, down: float) -> float:
    right, below = portrait.face.plane_px
    x, y = np.round(portrait.face.origin_px[:2] + right * outward + below * down).astype(int)
    return float(picture[y, x])


@pytest.mark.parametrize(
    "bulge", [bulge for bulge in RELIEF if bulge not in AT_REST], ids=lambda bulge: "+".join(bulge.weights)
)
def test_each_unit_shades_its_place_on_both_sides(portrait, bulge) -> None:
    """A unit changes the light of its place by its weight, half of it at half the amplitude, and both sides alike."""
    for name, weight in bulge.weights.items():
        full, half = (_shaded(portrait, {name: amplitude}) for amplitude in (1.0, 0.5))
        for side in (-1, 1):
            gained = _at(portrait, full, side * bulge.at[0], bulge.at[1]) - 1
            assert gained == pytest.approx(weight, abs=0.35 * abs(weight) + 0.015)
            assert _at(portrait, half, side * bulge.at[0], bulge.at[1]) - 1 == pytest.approx(gained / 2, abs=0.015)


@pytest.mark.parametrize("bulge", AT_REST, ids=lambda bulge: f"{bulge.at}")
def test_a_face_that_relaxes_gets_even(portrait, bulge) -> None:
    """A smile that goes takes highlights and shadows towards the skin around them; even skin stays as it is.

    What already differs from the skin around it in the direction of the change keeps its light, too.
    """
    weight = bulge.weights["AU0"]
    away, beyond = (_with_light(portrait, bulge, -np.sign(weight) * share) for share in (0.2, -0.2))
    spots = [(side * bulge.at[0], bulge.at[1]) for side in (-1, 1)]

    even = _shaded(portrait, {"AU0": 1.0})

    for spot in spots:
        before, after = (
            _at(portrait, picture[..., 1] / 128, *spot) for picture in (away, _relit(portrait, away, {"AU0": 1.0}))
        )
        assert abs(after - 1) < abs(before - 1) - 0.3 * abs(weight)
        before, after = (
            _at(portrait, picture[..., 1] / 128, *spot) for picture in (beyond, _relit(portrait, beyond, {"AU0": 1.0}))
        )
        assert after == pytest.approx(before, abs=0.012)
        assert _at(portrait, even, *spot) == pytest.approx(1, abs=0.03)


def test_a_smile_that_another_expression_replaces_leaves_its_light(portrait) -> None:
    """AU0 takes light off the cheeks of a neutral face; under a frown it leaves them, and the frown shades nothing."""
    bulged = _with_light(portrait, AT_REST[0], 0.2)

    relaxed, frowning = (_relit(portrait, bulged, {"AU0": 1.0, **more}) for more in ({"AU43": 0.1}, {"AU15": 1.0}))

    before, after = (_at(portrait, picture[..., 1], 0.60, 0.48) for picture in (bulged, relaxed))
    assert after < 0.95 * before
    assert (frowning == bulged).all()


def test_light_that_is_clipped_does_not_turn_grey(portrait) -> None:
    """Where skin has lost its colour to the light, a smile that goes takes much less of that light."""
    cheek, lost = next(bulge for bulge in AT_REST if bulge.at == (0.60, 0.48)), {}
    for brightest in (215, 255):
        picture = np.round(_with_light(portrait, cheek, 0.30) * (brightest / (128 * 1.3))).astype(np.uint8)
        relaxed = _relit(portrait, picture, {"AU0": 1.0})
        lost[brightest] = 1 - _at(portrait, relaxed[..., 1] / picture[..., 1], *cheek.at)
    assert lost[255] < 0.65 * lost[215]


def test_a_cheek_that_is_bright_does_not_get_white(portrait) -> None:
    """AU6 brightens an even cheek; one that is brighter than the skin around it by a fifth stays as it is."""
    (bulge,) = (bulge for bulge in RELIEF if "AU6" in bulge.weights)
    bright = _with_light(portrait, bulge, 0.2)

    even, relit = _shaded(portrait, {"AU6": 1.0}), _relit(portrait, bright, {"AU6": 1.0})

    for side in (-1, 1):
        assert _at(portrait, even, side * bulge.at[0], bulge.at[1]) > 1.03
        before, after = (_at(portrait, picture[..., 1], side * bulge.at[0], bulge.at[1]) for picture in (bright, relit))
        assert after - before < 2


@pytest.mark.parametrize("skin", [(233, 180, 151), (90, 60, 48)], ids=["light", "dark"])
def test_shadow_on_skin_keeps_its_hue(portrait, skin: tuple[int, int, int]) -> None:
    """In the shadow of a wrinkled nose red falls less than luma and blue more, on light skin and on dark skin."""
    picture = np.full_like(portrait.picture, skin)

    red, green, blue = (
        1 - _at(portrait, _relit(portrait, picture, {"AU9": 1.0})[..., number] / skin[number], 0.0, 0.27)
        for number in range(3)
    )

    assert 0.5 * green < red < 0.9 * green
    assert green < blue < 1.6 * green


def test_shadow_on_grey_is_grey(portrait) -> None:
    """In a black-and-white picture all three channels stay the same."""
    grey = np.repeat(portrait.picture[..., 1:2], 3, axis=2)

    shaded = _relit(portrait, grey, {"AU9": 1.0, "AU10": 1.0, "AU6": 1.0})

    assert (shaded != grey).any()
    assert (shaded == shaded[..., :1]).all()


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
