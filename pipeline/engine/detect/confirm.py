"""Confirm faces with a second detector, because FaceMesh also fits its mesh to a watch or a patch of light.

The full-range detector is another network. On the examined films it scored 0.69 to 0.91 on faces and detected nothing
on the dial of a watch, on which FaceMesh and the short-range detector agreed. A track that it never detects is not a
face.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..arrays import Points
from ..landmarks.landmarker import Box
from .track import Track

EVERY_FRAMES = 3
"""The detector runs on every third frame; a run takes about 5 ms."""
MIN_SHARE = 0.2
"""Share of a track's frames in which the detector must agree. On films of five speakers it agreed in all; what it sees
on a box or a pattern for a moment is no face."""


def confirmed_tracks(tracks: Iterable[Track], boxes: Mapping[int, Sequence[Box]]) -> list[Track]:
    """Return the tracks that the detector saw at their position in enough of their frames.

    Args:
        tracks: the tracks of FaceMesh.
        boxes: frame → the detector's boxes, for the frames in which it ran.
    """
    return [track for track in tracks if _share_seen(track, boxes) >= MIN_SHARE]


def _share_seen(track: Track, boxes: Mapping[int, Sequence[Box]]) -> float:
    """Return the share of the detector's frames of a track in which the detector saw it."""
    seen: dict[int, bool] = {}
    for frame, points in _detector_frames(track, sorted(boxes)):
        seen[frame] = seen.get(frame, False) or _is_inside(points, boxes.get(frame, ()))
    return sum(seen.values()) / max(1, len(seen))


def _detector_frames(track: Track, detector_frames: Sequence[int]) -> Iterable[tuple[int, Points]]:
    """Pair each detection with the last frame up to it in which the detector ran; leave out those before the first."""
    for number, points in track.points.items():
        count = bisect_right(detector_frames, number)
        if count:
            yield detector_frames[count - 1], points


def _is_inside(points: Points, boxes: Sequence[Box]) -> bool:
    x, y = np.median(points[:, :2], axis=0)
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes)
