"""A second opinion on every face: FaceMesh also fits its mesh to a watch or a mask of light.

The full-range detector is another network. On the films looked at it scored 0.69 to 0.91 on faces and gave nothing for
the dial of a watch, on which FaceMesh and the short-range detector agreed. A track that it never sees is no face.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..arrays import Points
from ..landmarks.landmarker import Box
from .track import Track

EVERY_FRAMES = 3
"""How often the detector is asked: some 5 ms each time."""


def witnessed(tracks: Iterable[Track], boxes: Mapping[int, Sequence[Box]]) -> list[Track]:
    """Keep the tracks that the detector saw, at least once, where they were.

    Args:
        tracks: as FaceMesh found them.
        boxes: frame → what the detector saw, for the frames in which it was asked.
    """
    return [track for track in tracks if any(_seen(points, boxes.get(near, ())) for near, points in _asked(track))]


def _asked(track: Track) -> Iterable[tuple[int, Points]]:
    """Pair each sighting with the frame at or before it in which the detector was asked."""
    return ((number - number % EVERY_FRAMES, points) for number, points in track.points.items())


def _seen(points: Points, boxes: Sequence[Box]) -> bool:
    x, y = np.median(points[:, :2], axis=0)
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes)
