"""Faces are found, large and small, alike each time, and without a word."""

from __future__ import annotations

import astronaut
import numpy as np
import pytest

from react1.pipeline.engine.faces import FaceFinder
from react1.pipeline.engine.frame import FaceFrame


def small_face(unit_px: float) -> tuple[np.ndarray, float]:
    """The portrait on grey in 1280x720, the eyes about so far apart."""
    import cv2

    still = astronaut.still(640, 480)[:, 100:540]
    scale = unit_px / 92
    shrunk = cv2.resize(still, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = np.full((720, 1280, 3), 120, np.uint8)
    picture[300 : 300 + shrunk.shape[0], 800 : 800 + shrunk.shape[1]] = shrunk
    return picture, scale


@pytest.mark.parametrize("unit_px", [36, 50])
def test_a_small_face_is_found_by_the_second_look(portrait, unit_px: float) -> None:
    """Eyes 36 and 50 px apart in a picture 1280 px wide: where they are, to a tenth of their distance."""
    picture, scale = small_face(unit_px)

    with FaceFinder() as finder:
        if not finder.can_witness:
            pytest.skip("this face model has no second detector, which finds small faces")
        faces = finder.find(picture) or finder.find_small(picture)

    (points,) = faces
    where = (portrait.face.points_px[:, :2] - [100, 0]) * scale + [800, 300]
    assert np.abs(points[:, :2] - where).mean() < 0.1 * unit_px


def test_no_face_is_no_face(engine_ready: None) -> None:
    """Grey, and noise, have none."""
    noise = np.random.default_rng(3).integers(0, 255, (240, 320, 3), np.uint8)
    with FaceFinder() as finder:
        for picture in (np.full((240, 320, 3), 120, np.uint8), noise):
            assert finder.find(picture) == []
            assert finder.find_small(picture) == []


def test_the_same_pictures_give_the_same_landmarks(portrait) -> None:
    """Two finders over three pictures: equal to the last bit, and one face each."""
    pictures = [astronaut.still(640, 480, shift) for shift in (0, 3, 6)]
    runs = []
    for _ in range(2):
        with FaceFinder() as finder:
            runs.append([finder.find(picture) for picture in pictures])

    assert all(len(faces) == 1 for faces in runs[0])
    assert np.array_equal(np.array(runs[0]), np.array(runs[1]))
    assert FaceFrame(runs[0][0][0]).unit_px == pytest.approx(portrait.face.unit_px, rel=0.02)
