"""A face counts only if the second detector sees it, too."""

from __future__ import annotations

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

    assert any(meshes)
    assert not any(boxes)
