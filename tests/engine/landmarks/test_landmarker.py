"""Landmarks and boxes agree with those of MediaPipe, whose networks these are.

`by_mediapipe.npz` holds what FaceMesh and the full-range detector of mediapipe 0.10.14 found on the same pictures.
"""

from __future__ import annotations

from pathlib import Path

import astronaut
import numpy as np
import pytest

from react1.pipeline.engine.geometry.mesh import COUNT, SKIN_COUNT
from react1.pipeline.engine.landmarks import face_mesh
from react1.pipeline.engine.landmarks.landmarker import MAX_FACES, Landmarker
from react1.pipeline.engine.landmarks.region import Region, distinct

pytestmark = pytest.mark.usefixtures("engine_ready")

GREY = np.full((240, 320, 3), 120, np.uint8)


@pytest.fixture(scope="module")
def by_mediapipe() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).with_name("by_mediapipe.npz")) as stored:
        return {name: stored[name].astype(float) for name in stored.files}


def turned(picture: np.ndarray, degrees: float) -> np.ndarray:
    import cv2

    size = picture.shape[1::-1]
    turn = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), degrees, 1)
    return cv2.warpAffine(picture, turn, size, borderMode=cv2.BORDER_REFLECT)


def still(shift: float = 0.0) -> np.ndarray:
    return astronaut.still(320, 240, shift)


def side_by_side(*shifts: float | None) -> np.ndarray:
    """Return areas of 320x240 with the portrait, drifted by some px, or grey."""
    return np.hstack([GREY if shift is None else still(shift) for shift in shifts])


def assert_agrees(landmarks: np.ndarray, expected: np.ndarray) -> None:
    """Landmarks differ by a tenth of a pixel on average, none by half a pixel; the eyes are 133 px apart."""
    distance = np.linalg.norm((landmarks - expected)[:, :2], axis=1)
    assert distance.mean() < 0.1
    assert distance.max() < 0.5
    assert np.abs(landmarks - expected)[:, 2].max() < 0.5


@pytest.mark.parametrize(("name", "degrees"), [("upright", 0), ("tilted", 25)])
def test_landmarks_of_a_picture_are_those_of_mediapipe(by_mediapipe, name: str, degrees: float) -> None:
    """Upright and tilted; a tilted face is turned upright for the network, and its landmarks are turned back."""
    face = Landmarker().find_face(turned(still(), degrees))

    assert_agrees(face, by_mediapipe[name])


def test_the_face_in_the_middle_is_found_beside_a_clearer_one() -> None:
    """A crop around a face that is in the dark shows its neighbour, too."""
    picture = side_by_side(0, 0, None)
    picture[:, 320:640] //= 6

    face = Landmarker().find_face(picture)

    assert np.abs(face[:, :2] - Landmarker().find_face(still())[:, :2] - [320, 0]).mean() < 3


def test_a_face_is_followed_as_by_mediapipe(by_mediapipe) -> None:
    """After eight pictures of a moving face, each searched where the face was in the one before."""
    landmarker = Landmarker()

    for step in range(8):
        (face,) = landmarker.track_faces(still(3 * step))

    assert_agrees(face, by_mediapipe["tracked"])


def test_the_far_detector_finds_the_box_of_mediapipe(by_mediapipe) -> None:
    """To two pixels of 320; on grey it finds nothing."""
    landmarker = Landmarker()

    (box,) = landmarker.detect_boxes(still())

    assert np.abs(np.array(box) - by_mediapipe["far_box"]).max() < 2
    assert landmarker.detect_boxes(GREY) == []


def test_the_stored_landmarks_are_those_of_the_installed_mediapipe(by_mediapipe) -> None:
    """Where mediapipe 0.10.14 is installed, it finds what is stored."""
    solutions = pytest.importorskip("mediapipe.python.solutions", reason="mediapipe is not installed to compare with")

    with solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True) as mesh:
        (face,) = mesh.process(still()).multi_face_landmarks
    points = np.array([(point.x * 320, point.y * 240, point.z * 320) for point in face.landmark])

    assert np.abs(points - by_mediapipe["upright"]).max() < 0.01


@pytest.mark.slow
def test_faces_come_and_go() -> None:
    """One face, then two, then one, then none: each is found at once, in its own half of the picture."""
    landmarker = Landmarker()
    halves = []
    for shifts in ((0, None), (1, None), (2, 9), (3, 10), (4, None), (None, None)):
        faces = landmarker.track_faces(side_by_side(*shifts))
        halves.append(sorted(int(face[1, 0] // 320) for face in faces))

    assert halves == [[0], [0], [0, 1], [0, 1], [0], []]


def test_faces_are_followed_where_the_detector_loses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The region of a followed face comes from its own landmarks; a face that has gone is not followed further."""
    landmarker = Landmarker()
    assert len(landmarker.track_faces(side_by_side(0, 0))) == 2

    monkeypatch.setattr(landmarker._near, "find", lambda picture: [])

    assert len(landmarker.track_faces(side_by_side(1, 1))) == 2
    assert landmarker.track_faces(side_by_side(None, None)) == []
    assert landmarker.track_faces(side_by_side(1, 1)) == []


def test_the_detector_rests_while_the_most_faces_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four faces fill the landmarker, so a fifth is not looked for."""
    landmarker = Landmarker()
    picture = np.vstack([side_by_side(0, 2), side_by_side(4, 6)])
    assert len(landmarker.track_faces(picture)) == MAX_FACES

    monkeypatch.setattr(landmarker._near, "find", lambda picture: pytest.fail("the detector ran"))

    assert len(landmarker.track_faces(picture)) == MAX_FACES


def test_landmarks_are_reproducible() -> None:
    """Two landmarkers give the same bits for three pictures."""
    runs = []
    for _ in range(2):
        landmarker = Landmarker()
        runs.append([landmarker.track_faces(still(shift)) for shift in (0, 3, 6)])

    assert np.array_equal(np.array(runs[0]), np.array(runs[1]))


def test_a_region_without_a_face_has_no_landmarks() -> None:
    """The network says itself whether there is a face."""
    assert face_mesh.FaceMesh().find(GREY, Region(160, 120, 150)) is None


def test_nothing_is_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    """LiteRT announces its delegates when a network is loaded."""
    landmarker = Landmarker()
    landmarker.track_faces(still())
    landmarker.detect_boxes(still())

    assert capfd.readouterr().err == ""


def test_every_refined_landmark_is_refined_once() -> None:
    """Lips and eyes share no landmark, and the irises come after the skin."""
    orders = np.concatenate([face_mesh.LIP_ORDER, face_mesh.LEFT_EYE_ORDER, face_mesh.RIGHT_EYE_ORDER])

    assert len(orders) == len(set(orders.tolist())) == 80 + 71 + 71
    assert orders.max() < SKIN_COUNT == COUNT - 10


def test_a_region_maps_there_and_back() -> None:
    """What is drawn at a place of the picture is cut at the place of the region that maps to it."""
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[88:93, 178:183] = 255
    region = Region(170, 100, 80, 0.4)

    cut = region.cut(picture, 160, repeat_border=False)[..., 0]
    y, x = (float((np.indices(cut.shape)[axis] * cut).sum() / cut.sum()) for axis in (0, 1))
    back = region.to_picture(np.array([[x / 160, y / 160]]))

    assert back[0] == pytest.approx([180, 90], abs=0.05)


def test_of_regions_of_one_face_the_last_stays() -> None:
    """They show one face if they share more than half of their union."""
    old, near, far = Region(100, 100, 60), Region(105, 100, 60), Region(150, 100, 60)

    assert distinct([old, near]) == [near]
    assert distinct([old, far]) == [old, far]
    assert old.overlap(old) == 1
    assert old.overlap(far) == pytest.approx(10 * 60 / (2 * 60 * 60 - 600))
