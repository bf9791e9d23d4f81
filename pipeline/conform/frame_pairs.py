"""Read what was sent and its take side by side, as frames of one size: 8-bit 4:2:0, upright, square pixels."""

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

_THUMBNAIL_PX = (96, 54)


@dataclass(frozen=True)
class SentAndTake:
    """The files of what was sent and of its take."""

    name: str
    sent_path: Path
    sent_video: VideoStream
    take_path: Path
    is_padded: bool
    """Whether the take has lines or columns added, which are cropped."""

    @property
    def cell_aspect(self) -> float:
        """The pixel aspect ratio of thumbnails."""
        return self.sent_video.width_px * _THUMBNAIL_PX[1] / (self.sent_video.height_px * _THUMBNAIL_PX[0])

    def sent(self) -> Iterator[VideoFrame]:
        """Yield the frames that were sent."""
        for frame in decode_frames(self.sent_path, self.sent_video.index):
            yield frame if frame.format.name == "yuv420p" else frame.reformat(format="yuv420p")

    def taken(self) -> Iterator[VideoFrame]:
        """Yield the take's frames in the size of what was sent."""
        width, height = self.sent_video.width_px, self.sent_video.height_px
        for decoded in self._decoded_take():
            frame = decoded if decoded.format.name == "yuv420p" else decoded.reformat(format="yuv420p")
            if (frame.width, frame.height) == (width, height):
                yield frame
            elif self.is_padded:
                shapes = ((height, width), *(2 * (((height + 1) // 2, (width + 1) // 2),)))
                parts = [
                    part[:rows, :columns] for part, (rows, columns) in zip(frame_planes(frame), shapes, strict=True)
                ]
                yield frame_from_planes(parts, "yuv420p")
            else:
                yield frame.reformat(width, height, interpolation="BICUBIC")

    def _decoded_take(self) -> Iterator[VideoFrame]:
        try:
            yield from decode_frames(self.take_path)
        except InputMediaError as error:
            raise ProviderError(f"the take of {self.name} cannot be used: {error.message}") from error

    def pairs(self, positions: Sequence[tuple[int, int]]) -> list[tuple[list[Plane], list[Plane]]]:
        """Return the planes of chosen frames, (sent, taken), by their positions, ascending in both."""
        sent, taken = ForwardReader(self.sent()), ForwardReader(self.taken())
        return [(frame_planes(sent.at(i)), frame_planes(taken.at(j))) for i, j in positions]


def is_padded(take: VideoStream, sent: VideoStream, name: str) -> bool:
    """Check whether the take has lines or columns added to fill the encoder's blocks of 16.

    Raises:
        ProviderError: it has another aspect ratio.
    """
    columns, lines = take.width_px - sent.width_px, take.height_px - sent.height_px
    if 0 <= columns < 16 and 0 <= lines < 16:
        return columns + lines > 0
    stretch = (take.width_px / take.height_px) / (sent.width_px / sent.height_px)
    if not 0.97 < stretch < 1.03:
        raise ProviderError(
            f"the take of {name} is {take.width_px}x{take.height_px}, another shape than the "
            f"{sent.width_px}x{sent.height_px} that was sent"
        )
    return False


def shrink_frames(frames: Iterator[VideoFrame]) -> NDArray[np.uint8]:
    """Shrink frames to `(frames, 3, height, width) uint8` YUV."""
    width, height = _THUMBNAIL_PX
    shrunk = [frame.reformat(width, height, "yuv444p", interpolation="AREA").to_ndarray() for frame in frames]
    return np.stack(shrunk) if shrunk else np.zeros((0, 3, height, width), np.uint8)


class ForwardReader:
    """Reads forward through frames, keeping the last one."""

    def __init__(self, frames: Iterator[VideoFrame]) -> None:
        self._frames = frames
        self._position = -1
        self._frame: VideoFrame | None = None

    def at(self, position: int) -> VideoFrame:
        """Return the frame at a position, counted from 0 and ascending; past the end, the last frame."""
        while self._position < position or self._frame is None:
            frame = next(self._frames, None)
            if frame is None:
                break
            self._frame, self._position = frame, self._position + 1
        if self._frame is None:
            raise ProviderError("the take ends before its first frame")
        return self._frame


def nearest_positions(frames: tuple[int, ...], first: int, last: int) -> list[int]:
    """Return for each source frame of [first, last) its position in `frames`, or else the nearest one's."""
    shown = np.array(frames)
    source = np.arange(first, last)
    right = np.clip(np.searchsorted(shown, source), 0, len(shown) - 1)
    left = np.clip(right - 1, 0, None)
    closer = np.abs(shown[right] - source) <= np.abs(shown[left] - source)
    return [int(position) for position in np.where(closer, right, left)]
