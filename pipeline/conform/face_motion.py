"""Find the same faces in what was sent and in its take, for a strength between 0 and 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..engine import available
from ..engine.arrays import Points
from ..engine.detect.detect import shrink_for_detection
from ..engine.detect.faces import FaceFinder
from ..engine.detect.smooth import smooth_track
from ..engine.detect.track import build_tracks
from ..engine.geometry.head_frame import FaceFrame
from ..splicing.pictures.planes import Plane, frame_from_planes
from .strength import MovedFace

_SAME_UNITS = 0.8
"""Two faces of a frame within this distance, in eye distances, are one that a take has changed."""


def find_moved_faces(
    pairs: Iterable[tuple[Sequence[Plane], Sequence[Plane]]], fps: float
) -> list[tuple[MovedFace, ...]]:
    """Return the faces of each frame that are found in both pictures; none where the extra `local` is missing.

    Both are smoothed over time, because the jitter of landmarks would shake a face that is half moved.

    Args:
        pairs: 8-bit 4:2:0 planes of what was sent and of the take, frame by frame.
        fps: frames per second.
    """
    if available.problem():
        return [() for _ in pairs]
    sent_faces: list[list[Points]] = []
    taken_faces: list[list[Points]] = []
    with FaceFinder() as first, FaceFinder() as second:
        for sent, taken in pairs:
            sent_faces.append(_find(first, sent))
            taken_faces.append(_find(second, taken))
    faces: list[list[MovedFace]] = [[] for _ in sent_faces]
    for track in build_tracks(sent_faces):
        rows = [track.points.get(number) for number in range(len(sent_faces))]
        others = [None if face is None else _same_face(face, taken_faces[at]) for at, face in enumerate(rows)]
        known = [face if other is not None else None for face, other in zip(rows, others, strict=True)]
        smooth_sent, smooth_taken = smooth_track(known, fps), smooth_track(others, fps)
        for number, (own, other) in enumerate(zip(smooth_sent, smooth_taken, strict=True)):
            if own is not None and other is not None:
                faces[number].append(MovedFace(own, other))
    return [tuple(moved) for moved in faces]


def _find(finder: FaceFinder, planes: Sequence[Plane]) -> list[Points]:
    frame = frame_from_planes(list(planes), "yuv420p")
    picture: Any = frame.to_ndarray(format="rgb24", src_colorspace=1, src_color_range=1, dst_color_range=2)
    small, scale = shrink_for_detection(picture)
    return [face * scale for face in finder.find(small)]


def _same_face(face: Points, others: Sequence[Points]) -> Points | None:
    if not others:
        return None
    middle, unit_px = face[:, :2].mean(0), FaceFrame(face).unit_px
    distance, index = min((float(np.linalg.norm(other[:, :2].mean(0) - middle)), at) for at, other in enumerate(others))
    return others[index] if distance < _SAME_UNITS * unit_px else None
