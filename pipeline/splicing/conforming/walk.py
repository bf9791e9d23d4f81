"""Reading two films side by side, forward only: which frame stands for which."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from av.video.frame import VideoFrame

from ...errors import HostFailed


class Walk:
    """Reads forward through frames, and holds the last one."""

    def __init__(self, frames: Iterator[VideoFrame]) -> None:
        self._frames = frames
        self._place = -1
        self._frame: VideoFrame | None = None

    def at(self, place: int) -> VideoFrame:
        """Give the frame at a place, counted from 0; places rise, and the last frame stands for any after it."""
        while self._place < place or self._frame is None:
            frame = next(self._frames, None)
            if frame is None:
                break
            self._frame, self._place = frame, self._place + 1
        if self._frame is None:
            raise HostFailed("the take ends before its first frame")
        return self._frame


def nearest(frames: tuple[int, ...], first: int, last: int) -> list[int]:
    """For each source frame of [first, last), the place in `frames` that shows it, or else the nearest one."""
    shown = np.array(frames)
    wanted = np.arange(first, last)
    right = np.clip(np.searchsorted(shown, wanted), 0, len(shown) - 1)
    left = np.clip(right - 1, 0, None)
    closer = np.abs(shown[right] - wanted) <= np.abs(shown[left] - wanted)
    return [int(place) for place in np.where(closer, right, left)]
