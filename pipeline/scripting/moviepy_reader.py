"""A film as a MoviePy clip with exact frames: at k / rate MoviePy gets frame k.

MoviePy's own reader finds frames by time and average rate, and returns wrong ones if the rate varies or the video
starts late; this one decodes by index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.values import VideoStream
from ..media.frames.decode import exact_frames

Picture = NDArray[np.uint8]
Convert = Callable[[Any], Picture]
"""Converts an `av.VideoFrame` to `(height, width, 3) uint8 RGB`."""
_SEEK_FRAMES = 50
"""Up to this distance decoding is cheaper than seeking."""
_TOLERANCE = 0.01
"""Share of a frame by which a float time may be too early."""


class Reader:
    """Reads any frame of a film; ascending order is fastest."""

    def __init__(self, path: Path, video: VideoStream, convert: Convert) -> None:
        self._path, self._video, self._convert = path, video, convert
        self._frames: Iterator[tuple[int, Any]] = iter(())
        self._next = video.frame_count
        self._index = -1
        self._picture: Picture | None = None

    def at(self, index: int) -> Picture:
        """Return the picture of a frame; outside the film that of its first or last frame."""
        index = min(max(index, 0), self._video.frame_count - 1)
        if self._picture is None or index != self._index:
            if not self._next <= index <= self._next + _SEEK_FRAMES:
                self._frames = exact_frames(self._path, self._video, index)
            frame = next(frame for number, frame in self._frames if number == index)
            self._picture, self._index, self._next = self._convert(frame), index, index + 1
        return self._picture

    def clip(self) -> Any:
        """Return a `moviepy.VideoClip` of exactly the film's frames, without audio."""
        from moviepy import VideoClip

        rate = self._video.rate
        clip = VideoClip(
            frame_function=lambda at_s: self.at(int(at_s * float(rate) + _TOLERANCE)),
            duration=float(self._video.frame_count / rate),
        )
        clip.fps = float(rate)
        return clip


def picture_at(clip: Any, frame: int, rate: Fraction) -> Picture:
    """Render a frame of a clip, `(height, width, 3) uint8 RGB`."""
    return np.asarray(np.clip(clip.get_frame(float(frame / rate)), 0, 255), np.uint8)
