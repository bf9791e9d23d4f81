"""A film as a MoviePy clip, by exact frames: frame k is what MoviePy sees at k / rate.

MoviePy's own reader counts frames by time and average rate, and loses its place where the rate varies or the picture
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
from ..media.decode import frames

Picture = NDArray[np.uint8]
Convert = Callable[[Any], Picture]
"""From an `av.VideoFrame` to `(height, width, 3) uint8 RGB`."""
_NEAR_FRAMES = 50
"""Reading on is cheaper than seeking up to this far."""
_SLACK = 0.01
"""Share of a frame by which a float time may fall short of its frame."""


class Reader:
    """Gives any frame of a film; in order is cheapest."""

    def __init__(self, path: Path, video: VideoStream, convert: Convert) -> None:
        self._path, self._video, self._convert = path, video, convert
        self._coming: Iterator[tuple[int, Any]] = iter(())
        self._next = video.frame_count
        self._shown = -1
        self._picture: Picture | None = None

    def at(self, index: int) -> Picture:
        """Give the picture of a frame; an index outside the film gives its first or last frame."""
        index = min(max(index, 0), self._video.frame_count - 1)
        if self._picture is None or index != self._shown:
            if not self._next <= index <= self._next + _NEAR_FRAMES:
                self._coming = frames(self._path, self._video, index)
            frame = next(frame for number, frame in self._coming if number == index)
            self._picture, self._shown, self._next = self._convert(frame), index, index + 1
        return self._picture

    def clip(self) -> Any:
        """Give a `moviepy.VideoClip` without sound, of exactly the film's frames."""
        from moviepy import VideoClip

        rate = self._video.rate
        clip = VideoClip(
            frame_function=lambda at_s: self.at(int(at_s * float(rate) + _SLACK)),
            duration=float(self._video.frame_count / rate),
        )
        clip.fps = float(rate)
        return clip


def picture_at(clip: Any, frame: int, rate: Fraction) -> Picture:
    """Render a frame of a clip, `(height, width, 3) uint8 RGB`."""
    return np.asarray(np.clip(clip.get_frame(float(frame / rate)), 0, 255), np.uint8)
