"""Half of a take of the local engine: its landmarks lie half-way, and it is as sharp as the sharper of the two."""

from __future__ import annotations

import astronaut
import numpy as np
import pytest

pytestmark = pytest.mark.slow

FRAMES = range(4, 12)
COUNT = 16


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The portrait as a clip, and the faces of its frames."""
    pytest.importorskip("skimage")
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")
    from react1.pipeline.engine.render.render import find_faces

    path = astronaut.write_clip(tmp_path_factory.mktemp("half") / "clip.mp4", COUNT)
    return path, find_faces(path, lambda share: None)


@pytest.fixture(scope="module", params=["sad", "happy"])
def half_way(request, clip):
    """Frames of the portrait, of a take, and of half of it, with the part that the take has changed."""
    from react1.pipeline.conform.composite import find_change
    from react1.pipeline.conform.strength import find_moved_faces, partial_take
    from react1.pipeline.core.edits.choices import React1Choices
    from react1.pipeline.engine.render.render import render
    from react1.pipeline.engine.take_job import TakeJob
    from react1.pipeline.media.frames.decode import decode_frames
    from react1.pipeline.splicing.pictures.planes import frame_planes

    path, detections = clip
    choices = React1Choices(prompt=request.param, temperature=1.0)
    job = TakeJob(path.with_name("take.mp4"), choices)
    render(path, job, detections=detections, progress=lambda share: None)
    sent, taken = (
        [frame_planes(frame) for frame in decode_frames(path.with_name(n))] for n in ("clip.mp4", "take.mp4")
    )
    faces = find_moved_faces(zip(sent, taken, strict=True), 25.0)
    rows = []
    for number in FRAMES:
        mask = find_change(sent[number], taken[number]).mask
        half = partial_take(sent[number], taken[number], mask, 0.5, faces[number])
        rows.append(((sent[number], taken[number], half), mask))
    return request.param, rows


def landmarks(planes):
    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.splicing.pictures.planes import frame_from_planes

    with FaceFinder() as finder:
        (points,) = finder.find(frame_from_planes(planes, "yuv420p").to_ndarray(format="rgb24"))
    return points[:, :2]


def test_landmarks_lie_half_way(half_way):
    """Those that move far lie within 15 % of half-way, and nowhere far beside it."""
    emotion, rows = half_way
    shares, distances = [], []
    for pictures, _ in rows:
        first, second, half = map(landmarks, pictures)
        way = second - first
        length = np.linalg.norm(way, axis=1)
        far = length > 0.5 * length.max()
        assert length.max() > {"sad": 12, "happy": 6}[emotion]
        shares.append(((half - first) * way).sum(1)[far] / length[far] ** 2)
        distances.append(np.linalg.norm(half - (first + second) / 2, axis=1)[far] / length[far])

    assert abs(float(np.concatenate(shares).mean()) - 0.5) < 0.075, shares
    assert float(np.concatenate(distances).mean()) < 0.15


def test_it_is_as_sharp_as_the_sharper_of_the_two(half_way):
    """By the gradient and by the Laplacian of the luma, where the take has changed the face."""
    import cv2

    def sharpness(planes, area):
        luma = planes[0].astype(np.float32)
        gradient = np.hypot(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))
        return np.array([float(part[area].mean()) for part in (gradient, np.abs(cv2.Laplacian(luma, cv2.CV_32F)))])

    ratios = []
    for pictures, mask in half_way[1]:
        area = cv2.resize(mask, pictures[0][0].shape[::-1]) > 0.9
        first, second, half = (sharpness(planes, area) for planes in pictures)
        ratios.append(half / np.maximum(first, second))

    assert (np.mean(ratios, 0) >= 0.93).all(), np.mean(ratios, 0)
