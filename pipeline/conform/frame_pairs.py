"""What was sent and what came back, as frames of one size: 8-bit 4:2:0, upright, with square pixels.

Takes   the two files, and their pictures as a probe found them.
Gives   PyAV frames one by one, and small or chosen ones of them as arrays.
Raises  HostFailed where a take has another shape, or cannot be decoded.

Reading two films side by side, forward only: which frame stands for which.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ..core.errors import InputMediaError, ProviderError
from ..core.values import VideoStream
from ..media.decode import decode_frames
from ..splicing.pictures.planes import Plane, frame_from_planes, frame_planes

_SMALL_PX = (96, 54)


@dataclass(frozen=True)
class Both:
    """What was sent, and the take of it."""

    name: str
    sent_path: Path
    sent_video: VideoStream
    take_path: Path
    cut: bool
    """Whether the take has lines or columns added that are cut off."""

    @property
    def cell_aspect(self) -> float:
        """How wide a pixel of the small pictures is beside its height."""
        return self.sent_video.width_px * _SMALL_PX[1] / (self.sent_video.height_px * _SMALL_PX[0])

    def sent(self) -> Iterator[VideoFrame]:
        """Give the frames that were sent."""
        for frame in decode_frames(self.sent_path, self.sent_video.index):
            yield frame if frame.format.name == "yuv420p" else frame.reformat(format="yuv420p")

    def taken(self) -> Iterator[VideoFrame]:
        """Give the take's frames in the size of what was sent."""
        width, height = self.sent_video.width_px, self.sent_video.height_px
        for given in self._given():
            frame = given if given.format.name == "yuv420p" else given.reformat(format="yuv420p")
            if (frame.width, frame.height) == (width, height):
                yield frame
            elif self.cut:
                shapes = ((height, width), *(2 * (((height + 1) // 2, (width + 1) // 2),)))
                parts = [
                    part[:rows, :columns] for part, (rows, columns) in zip(frame_planes(frame), shapes, strict=True)
                ]
                yield frame_from_planes(parts, "yuv420p")
            else:
                yield frame.reformat(width, height, interpolation="BICUBIC")

    def _given(self) -> Iterator[VideoFrame]:
        try:
            yield from decode_frames(self.take_path)
        except InputMediaError as error:
            raise ProviderError(f"the take of {self.name} cannot be used: {error.message}") from error

    def pairs(self, places: Sequence[tuple[int, int]]) -> list[tuple[list[Plane], list[Plane]]]:
        """Give the planes of chosen frames, (sent, taken); places rise in both."""
        sent, taken = Walk(self.sent()), Walk(self.taken())
        return [(frame_planes(sent.at(one)), frame_planes(taken.at(other))) for one, other in places]


def padded(given: VideoStream, sent: VideoStream, name: str) -> bool:
    """Tell whether the take is what was sent with lines or columns added to fill the coder's blocks of 16.

    Raises:
        HostFailed: it has another shape.
    """
    wider, higher = given.width_px - sent.width_px, given.height_px - sent.height_px
    if 0 <= wider < 16 and 0 <= higher < 16:
        return wider + higher > 0
    stretch = (given.width_px / given.height_px) / (sent.width_px / sent.height_px)
    if not 0.97 < stretch < 1.03:
        raise ProviderError(
            f"the take of {name} is {given.width_px}x{given.height_px}, which is another shape than the "
            f"{sent.width_px}x{sent.height_px} that was sent"
        )
    return False


def small(frames: Iterator[VideoFrame]) -> NDArray[np.uint8]:
    """Shrink frames to `(frames, 3, height, width) uint8` YUV."""
    width, height = _SMALL_PX
    shrunk = [frame.reformat(width, height, "yuv444p", interpolation="AREA").to_ndarray() for frame in frames]
    return np.stack(shrunk) if shrunk else np.zeros((0, 3, height, width), np.uint8)


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
            raise ProviderError("the take ends before its first frame")
        return self._frame


def nearest(frames: tuple[int, ...], first: int, last: int) -> list[int]:
    """For each source frame of [first, last), the place in `frames` that shows it, or else the nearest one."""
    shown = np.array(frames)
    wanted = np.arange(first, last)
    right = np.clip(np.searchsorted(shown, wanted), 0, len(shown) - 1)
    left = np.clip(right - 1, 0, None)
    closer = np.abs(shown[right] - wanted) <= np.abs(shown[left] - wanted)
    return [int(place) for place in np.where(closer, right, left)]
