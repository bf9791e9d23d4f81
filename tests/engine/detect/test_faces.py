"""Large and small faces are detected reproducibly."""

from __future__ import annotations

import astronaut
import numpy as np
import pytest

from react1.pipeline.engine.detect.faces import FaceFinder, detection_tiles, merge_boxes
from react1.pipeline.engine.geometry.head_frame import FaceFrame


def small_face(unit_px: float) -> tuple[np.ndarray, float]:
    """Return the portrait on grey in 1280x720 with this eye distance, and its scale."""
    import cv2

    still = astronaut.still(640, 480)[:, 100:540]
    scale = unit_px / 92
    shrunk = cv2.resize(still, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = np.full((720, 1280, 3), 120, np.uint8)
    picture[300 : 300 + shrunk.shape[0], 800 : 800 + shrunk.shape[1]] = shrunk
    return picture, scale


@pytest.mark.parametrize("unit_px", [36, 50])
def test_small_face_is_found_at_full_size(portrait, unit_px: float) -> None:
    """With an eye distance of 36 and 50 px in 1280 px landmarks are accurate to a tenth of it."""
    picture, scale = small_face(unit_px)

    with FaceFinder() as finder:
        faces = finder.find(picture) or finder.find_small_faces(picture)

    (points,) = faces
    expected = (portrait.face.points_px[:, :2] - [100, 0]) * scale + [800, 300]
    assert np.abs(points[:, :2] - expected).mean() < 0.1 * unit_px


def test_small_face_in_a_large_picture_is_tracked(portrait) -> None:
    """A moving face with 18 px eye distance at 1920x1080 is found in five frames; the detector runs in the first."""
    picture, scale = small_face(18)
    calls, calls_in_first = 0, 0
    with FaceFinder() as finder:
        detect = finder.detect_boxes

        def counted(part: np.ndarray):
            nonlocal calls
            calls += 1
            return detect(part)

        finder.detect_boxes = counted
        for number in range(5):
            large = np.full((1080, 1920, 3), 120, np.uint8)
            large[200:920, 300 + 3 * number : 1580 + 3 * number] = picture
            (points,) = finder.find(large) or finder.find_small_faces(large)
            expected = (portrait.face.points_px[:, :2] - [100, 0]) * scale + [1100 + 3 * number, 500]
            assert np.abs(points[:, :2] - expected).mean() < 3
            calls_in_first = calls_in_first or calls

    assert calls == calls_in_first > 1


def test_a_small_face_that_is_lost_for_a_moment_comes_back_at_once(portrait) -> None:
    """Of two that are followed, one is hidden in the second picture of six."""
    picture, _ = small_face(36)
    picture[:, :640] = picture[:, 640:]
    hidden = picture.copy()
    hidden[:, :640] = 120
    with FaceFinder() as finder:
        counts = [len(finder.find_small_faces(hidden if number == 1 else picture)) for number in range(5)]

    assert counts == [2, 1, 2, 2, 2]


def test_tiles_cover_a_picture_and_overlap_by_half() -> None:
    """Every area of 200 px lies completely in a tile, and a small picture has no tiles."""
    assert detection_tiles(1280, 720) == [(0, 0, 960, 720), (320, 0, 1280, 720)]
    assert detection_tiles(1024, 768) == []
    for width, height in ((1920, 1080), (3840, 2160), (1080, 1920)):
        tiles = detection_tiles(width, height)
        assert 4 <= len(tiles) <= 9
        for x in range(0, width - 200, 100):
            for y in range(0, height - 200, 100):
                assert any(a <= x and b <= y and x + 200 <= c and y + 200 <= d for a, b, c, d in tiles)


def test_face_in_two_tiles_is_one_face() -> None:
    """The second box with its center in the first is dropped."""
    assert merge_boxes([(0, 0, 10, 10), (1, 1, 11, 11), (20, 0, 30, 10)]) == [(0, 0, 10, 10), (20, 0, 30, 10)]


def test_pictures_without_a_face(engine_ready: None) -> None:
    """No face is found in grey or noise."""
    noise = np.random.default_rng(3).integers(0, 255, (240, 320, 3), np.uint8)
    with FaceFinder() as finder:
        for picture in (np.full((240, 320, 3), 120, np.uint8), noise):
            assert finder.find(picture) == []
            assert finder.find_small_faces(picture) == []


def test_the_same_pictures_give_the_same_landmarks(portrait) -> None:
    """Two finders give bit-identical landmarks for three pictures with one face each."""
    pictures = [astronaut.still(640, 480, shift) for shift in (0, 3, 6)]
    runs = []
    for _ in range(2):
        with FaceFinder() as finder:
            runs.append([finder.find(picture) for picture in pictures])

    assert all(len(faces) == 1 for faces in runs[0])
    assert np.array_equal(np.array(runs[0]), np.array(runs[1]))
    assert FaceFrame(runs[0][0][0]).unit_px == pytest.approx(portrait.face.unit_px, rel=0.02)
