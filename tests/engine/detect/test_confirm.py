"""A face counts only if the second detector sees it, too."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.engine.detect.track import Track, confirmed_tracks


def _track(numbers, x=50.0):
    return Track({number: np.full((478, 3), x) for number in numbers})


def test_track_confirmed_once_is_kept_completely():
    """The first frames of a face that turns to the camera are not lost."""
    track = _track(range(10))

    assert confirmed_tracks([track], {0: (), 3: (), 6: ((40, 40, 60, 60),), 9: ()}) == [track]


@pytest.mark.parametrize(
    "boxes", [{}, {0: (), 3: ()}, {3: ((60, 60, 80, 80),)}], ids=["not run", "nothing", "elsewhere"]
)
def test_unconfirmed_track_is_dropped(boxes):
    """The detector did not run, saw nothing, or saw something elsewhere."""
    assert confirmed_tracks([_track(range(6))], boxes) == []


def test_what_the_detector_sees_for_a_moment_is_dropped():
    """A box that looks like a face in one of its eight frames is no face."""
    boxes = {number: ((40, 40, 60, 60),) if number == 9 else () for number in range(0, 24, 3)}

    assert confirmed_tracks([_track(range(24))], boxes) == []


def test_watch_dial_is_not_a_face(media_folder, tmp_path):
    """FaceMesh fits a mesh to it; the second detector sees nothing."""
    pytest.importorskip("ai_edge_litert")
    from react1.pipeline.core.file import File
    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.media.frames.decode import images
    from react1.pipeline.media.probe import probe

    path = media_folder / "timing" / "trim_optimization_failure.mp4"
    media = probe(path, File(digest="0" * 64, suffix=".mp4", size_bytes=path.stat().st_size))
    with FaceFinder() as finder:
        pictures = [image for _, image in images(path, media.video, 40, 44)]
        meshes = [finder.find(image) for image in pictures]
        boxes = [finder.detect_boxes(image) for image in pictures]
        close = [
            finder.close_boxes(image, faces, ()) for image, faces in zip(pictures, meshes, strict=True) if len(faces)
        ]

    assert any(meshes)
    assert not any(boxes)
    assert not any(close)


LEFT, RIGHT = (82.0, 74.0), (240.0, 80.0)
"""Where two portraits stand; the detector never sees the left one in the complete picture."""


def _two_people():
    two_faces = pytest.importorskip("two_faces")
    left = two_faces.portrait("cold", mirrored=True, height=120), lambda _: LEFT
    return two_faces, [left, (two_faces.portrait("warm", height=96), two_faces.still(*RIGHT))]


@pytest.mark.slow
def test_face_that_is_only_seen_from_close_up_has_a_box(engine_ready):
    """The detector looks again, around the one face that it missed."""
    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.landmarks.landmarker import holds_face

    two_faces, people = _two_people()
    picture = two_faces.compose((320, 160), people, 0, cut=0)
    with FaceFinder() as finder:
        faces = sorted(finder.find(picture), key=lambda face: face[:, 0].mean())
        boxes = finder.detect_boxes(picture)
        (close,) = finder.close_boxes(picture, faces, boxes)

    assert [any(holds_face(box, face) for box in boxes) for face in faces] == [False, True]
    assert [holds_face(close, face) for face in faces] == [True, False]


@pytest.mark.slow
def test_face_that_is_only_seen_from_close_up_is_a_person(engine_ready, tmp_path):
    """Whoever asks for the left of two people gets it, and the checks before payment count both."""
    from react1.pipeline.core.file import File
    from react1.pipeline.engine.detect.people import people_in_shots
    from react1.pipeline.engine.render.render import find_faces
    from react1.pipeline.media.probe import probe
    from react1.pipeline.preflight.clip_checks import sampled_faces

    two_faces, people = _two_people()
    path = two_faces.write_people(tmp_path / "film.mp4", people, size=(320, 160), frames=8, cut=0)
    film = probe(path, File(digest="0" * 64, suffix=".mp4", size_bytes=path.stat().st_size))

    (shot,) = people_in_shots(find_faces(path, lambda _: None), (0, 8), Fraction(25))

    assert [len(person.points) for person in shot.people] == [8, 8]
    assert [len(faces) for faces in sampled_faces(path, film, 0, 8)] == [2, 2, 2]


@pytest.mark.slow
def test_small_face_beside_a_large_one_is_a_person(engine_ready, tmp_path):
    """A clear face of 75 px at 1280x720 is in every frame, though both detectors miss it in the complete picture."""
    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.detect.people import people_in_shots
    from react1.pipeline.engine.render.render import find_faces

    two_faces = pytest.importorskip("two_faces")
    size, frames = (1280, 720), 5
    small = two_faces.portrait("plain", height=150), two_faces.still(150, 360)
    large = two_faces.portrait("warm", height=700), two_faces.still(920, 360)
    path = two_faces.write_people(tmp_path / "film.mp4", [small, large], size=size, frames=frames)
    picture = two_faces.compose(size, [small, large], 0)
    with FaceFinder() as finder:
        assert len(finder.find(picture)) == len(finder.detect_boxes(picture)) == 1

    (shot,) = people_in_shots(find_faces(path, lambda _: None), (0, frames), Fraction(25))

    assert [len(person.points) for person in shot.people] == [frames, frames]
    assert shot.people[0].unit_px < 0.3 * shot.people[1].unit_px


@pytest.mark.slow
def test_small_face_is_searched_again_after_a_cut(engine_ready, tmp_path):
    """It comes with the fifth frame, and is found in the next one in which the detector runs."""
    from react1.pipeline.engine.detect.people import people_in_shots
    from react1.pipeline.engine.render.render import find_faces

    two_faces = pytest.importorskip("two_faces")
    small = two_faces.portrait("plain", height=150), lambda number: (150.0, 360.0) if number >= 5 else None
    large = two_faces.portrait("warm", height=700), two_faces.still(920, 360)
    path = two_faces.write_people(tmp_path / "film.mp4", [small, large], size=(1280, 720), frames=10, cut=5)

    before, after = people_in_shots(find_faces(path, lambda _: None), (0, 10), Fraction(25))

    assert [len(person.points) for person in before.people] == [5]
    assert [sorted(person.points) for person in after.people] == [list(range(6, 10)), list(range(5, 10))]
