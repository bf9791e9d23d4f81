"""Half of a take of the local engine: its landmarks lie half-way, and it is as sharp as the sharper of the two."""

from __future__ import annotations

import astronaut
import numpy as np
import pytest

pytestmark = pytest.mark.slow

FRAME = 8


@pytest.fixture(scope="module")
def half_way(tmp_path_factory):
    """Frames of the portrait, of a sad take, and of half of it, with their landmarks."""
    pytest.importorskip("skimage")
    pytest.importorskip("mediapipe", reason="the local engine is not installed")
    from react1.pipeline.conform.change import find_change
    from react1.pipeline.conform.strength import find_moved_faces, partial_take
    from react1.pipeline.core.edits.choices import React1Choices
    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.render.render import render
    from react1.pipeline.media.frames.decode import decode_frames
    from react1.pipeline.splicing.pictures.planes import frame_from_planes, frame_planes

    folder = tmp_path_factory.mktemp("half")
    clip = astronaut.write_clip(folder / "clip.mp4", 2 * FRAME)
    render(clip, None, folder / "take.mp4", React1Choices(prompt="sad", temperature=1.0), progress=lambda share: None)
    sent, taken = ([frame_planes(frame) for frame in decode_frames(path)] for path in (clip, folder / "take.mp4"))
    faces = find_moved_faces(zip(sent, taken, strict=True), 25.0)
    mask = find_change(sent[FRAME], taken[FRAME]).mask
    half = partial_take(sent[FRAME], taken[FRAME], mask, 0.5, faces[FRAME])
    pictures = [sent[FRAME], taken[FRAME], half]
    landmarks = []
    for planes in pictures:
        with FaceFinder() as finder:
            (points,) = finder.find(frame_from_planes(planes, "yuv420p").to_ndarray(format="rgb24"))
            landmarks.append(points[:, :2])
    return pictures, landmarks, mask


def test_landmarks_lie_half_way(half_way):
    """Those that move far lie within 15 % of half-way, and nowhere far beside it."""
    _, (first, second, half), _ = half_way
    way = second - first
    length = np.linalg.norm(way, axis=1)
    far = length > 0.5 * length.max()

    share = ((half - first) * way).sum(1)[far] / length[far] ** 2
    distance = np.linalg.norm(half - (first + second) / 2, axis=1)[far] / length[far]

    assert length.max() > 12
    assert abs(float(share.mean()) - 0.5) < 0.075
    assert float(distance.mean()) < 0.15


def test_it_is_as_sharp_as_the_sharper_of_the_two(half_way):
    """By the mean gradient of the luma where the take has changed the face."""
    import cv2

    pictures, _, mask = half_way
    area = cv2.resize(mask, pictures[0][0].shape[::-1]) > 0.9

    def sharpness(planes):
        luma = planes[0].astype(np.float32)
        return float(np.hypot(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))[area].mean())

    first, second, half = map(sharpness, pictures)

    assert half / max(first, second) >= 0.93
