"""Read what was sent and its take side by side, as frames of one size: 8-bit 4:2:0, upright, square pixels.

A take of a crop is brought back into the picture that the crop was cut from. It is measured in the crop. Then its
planes and those of what was sent go through one and the same resampling, so that their difference, which is all that
the film gets, is where the change was, and zero where there was none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from ..core.edits.face_choice import CropPath
from ..core.errors import InputMediaError, ProviderError
from ..core.side_by_side import run_ordered, thread_count
from ..core.values import VideoStream
from ..media.frames.decode import decode_frames, reformat
from ..splicing.pictures.planes import Plane, frame_from_planes, frame_planes, resize_mask

Thumbnail = NDArray[np.uint8]
Weights = NDArray[np.float32]
_FEATHER_SHARE = 0.04
"""Width of the soft edge of a crop that changed up to its border, as a share of its side."""


@dataclass(frozen=True)
class InPicture:
    """A frame of a crop and of its take in the picture."""

    sent: list[Plane]
    taken: list[Plane]
    mask: Weights
    """`(height, width)` of the picture: how much of the take is used."""
    inside: NDArray[np.bool_]
    """Where the crop shows the picture completely."""


def to_picture(crop: CropPath, number: int, sent: list[Plane], taken: list[Plane], mask: Weights) -> InPicture:
    """Return frame `number` of a crop and of its take in the picture, 8-bit 4:2:0; outside the crop they are 0."""
    side = (crop.side_px, crop.side_px)
    weights = resize_mask(mask, side) * _soft_edge(crop.side_px)
    return InPicture(
        [_rounded(_expand(crop, number, plane, share)) for plane, share in zip(sent, (1, 2, 2), strict=True)],
        [_rounded(_expand(crop, number, plane, share)) for plane, share in zip(taken, (1, 2, 2), strict=True)],
        np.clip(_expand(crop, number, weights, 1), 0, 1),
        _expand(crop, number, np.ones(side, np.float32), 1) > 0.999,
    )


def crop_planes(planes: list[Plane], inside: Weights) -> list[Plane]:
    """Return the parts of coded planes that lie where `inside`, in coded orientation, is not 0."""
    parts = []
    for plane in planes:
        shown = resize_mask(inside, (plane.shape[0], plane.shape[1])) > 0.99
        rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
        parts.append(plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else plane)
    return parts


def _soft_edge(side: int) -> Weights:
    ramp = max(2.0, _FEATHER_SHARE * side)
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]).astype(np.float32) + 0.5
    weight = np.clip(distance / ramp, 0, 1)
    edge: Weights = np.minimum(weight[None], weight[:, None])
    return edge


def _rounded(part: Weights) -> Plane:
    plane: Plane = np.clip(np.rint(part), 0, 255).astype(np.uint8)
    return plane


def _expand(crop: CropPath, number: int, plane: Plane, subsampled: int) -> Weights:
    """Resample a plane of a crop to the picture, whose planes are `subsampled` times smaller than its luma.

    Each pixel is the mean of cubic samples on a finer grid, as many as the crop has pixels for it: a box filter, which
    keeps what was enlarged from being aliased.
    """
    import cv2

    left, top, scale = crop.rows[number]
    left, top = left / subsampled, top / subsampled
    height, width = crop.picture_px[1] // subsampled, crop.picture_px[0] // subsampled
    span = plane.shape[0] / scale
    columns = max(0, int(np.floor(left))), min(width, int(np.ceil(left + span)))
    rows = max(0, int(np.floor(top))), min(height, int(np.ceil(top + span)))
    fine = max(1, int(np.ceil(scale)))
    size = (columns[1] - columns[0]) * fine, (rows[1] - rows[0]) * fine
    step = scale / fine
    across = (columns[0] + 0.5 / fine - left) * scale - 0.5
    down = (rows[0] + 0.5 / fine - top) * scale - 0.5
    matrix = np.array([[step, 0, across], [0, step, down]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_CONSTANT if plane.dtype == np.float32 else cv2.BORDER_REPLICATE
    sampled = cv2.warpAffine(plane.astype(np.float32), matrix, size, flags=flags, borderMode=border)
    if fine > 1:
        sampled = cv2.resize(sampled, (size[0] // fine, size[1] // fine), interpolation=cv2.INTER_AREA)
    expanded = np.zeros((height, width), np.float32)
    expanded[rows[0] : rows[1], columns[0] : columns[1]] = sampled
    return expanded


_THUMBNAIL_PX = (96, 54)
_COMPARED_FRAMES, _COMPARED_RANGE = 4, 48


def compared_positions(count: int) -> range:
    """Return which of so many frames are compared in full size: a few among the first 48."""
    most = min(count, _COMPARED_RANGE)
    return range(0, most, max(1, most // _COMPARED_FRAMES))


class PairObserver(Protocol):
    """Looks at pairs of frames, of what was sent and of the take."""

    def find(self, sent: VideoFrame, taken: VideoFrame) -> Any:
        """Look at a pair, in any thread and beside others."""

    def add(self, finding: Any) -> None:
        """Take what `find` returned, in the order of the frames; None where only one of the two has a frame."""


@dataclass(frozen=True)
class SentAndTake:
    """The files of what was sent and of its take."""

    name: str
    sent_path: Path
    sent_video: VideoStream
    take_path: Path
    is_padded: bool
    """Whether the take has lines or columns added, which are cropped."""
    _lumas: tuple[dict[int, Plane], dict[int, Plane]] = field(default_factory=lambda: ({}, {}), repr=False)
    """Lumas kept by `thumbnails`, by position: of what was sent, and of the take."""

    @property
    def cell_aspect(self) -> float:
        """The pixel aspect ratio of thumbnails."""
        return self.sent_video.width_px * _THUMBNAIL_PX[1] / (self.sent_video.height_px * _THUMBNAIL_PX[0])

    def sent(self) -> Iterator[VideoFrame]:
        """Yield the frames that were sent."""
        for frame in decode_frames(self.sent_path, self.sent_video.index):
            yield reformat(frame, pix_fmt="yuv420p")

    def taken(self) -> Iterator[VideoFrame]:
        """Yield the take's frames in the size of what was sent."""
        width, height = self.sent_video.width_px, self.sent_video.height_px
        for decoded in self._decoded_take():
            frame = reformat(decoded, pix_fmt="yuv420p")
            if (frame.width, frame.height) == (width, height):
                yield frame
            elif self.is_padded:
                shapes = ((height, width), *(2 * (((height + 1) // 2, (width + 1) // 2),)))
                parts = [
                    part[:rows, :columns] for part, (rows, columns) in zip(frame_planes(frame), shapes, strict=True)
                ]
                yield frame_from_planes(parts, "yuv420p")
            else:
                yield reformat(frame, width, height, interpolation="BICUBIC")

    def _decoded_take(self) -> Iterator[VideoFrame]:
        try:
            yield from decode_frames(self.take_path)
        except InputMediaError as error:
            raise ProviderError(f"the take of {self.name} cannot be used: {error.message}") from error

    def thumbnails(self, observer: PairObserver | None = None) -> tuple[Thumbnail, Thumbnail]:
        """Return the thumbnails of both, `(frames, 3, height, width) uint8` YUV.

        A few lumas are kept, so that `lumas` need not decode. The observer sees every pair of frames of the same
        position. Pairs are worked on in several threads, while the next ones are decoded.
        """
        shrunk: tuple[list[Thumbnail], list[Thumbnail]] = ([], [])
        threads = thread_count()
        with closing(run_ordered(self._pair_calls(observer), threads, threads + 1)) as results:
            for pair, finding in results:
                for thumbnail, thumbnails in zip(pair, shrunk, strict=True):
                    if thumbnail is not None:
                        thumbnails.append(thumbnail)
                if observer is not None:
                    observer.add(finding)
        sent, taken = (np.stack(part) if part else _no_thumbnails() for part in shrunk)
        return sent, taken

    def _pair_calls(self, observer: PairObserver | None) -> Iterator[Callable[[], tuple[list[Thumbnail | None], Any]]]:
        """Decode pairs of frames; yield for each the call that shrinks both and lets the observer look at them."""

        def look_at(sent: VideoFrame | None, taken: VideoFrame | None) -> tuple[list[Thumbnail | None], Any]:
            thumbnails = [None if frame is None else _thumbnail(frame) for frame in (sent, taken)]
            if observer is None or sent is None or taken is None:
                return thumbnails, None
            return thumbnails, observer.find(sent, taken)

        full_size_positions = compared_positions(self.sent_video.frame_count)
        for position, pair in enumerate(itertools.zip_longest(self.sent(), self.taken())):
            for frame, lumas in zip(pair, self._lumas, strict=True):
                if frame is not None and position in full_size_positions:
                    lumas[position] = frame_planes(frame)[0]
            yield partial(look_at, *pair)

    def lumas(self, positions: Sequence[tuple[int, int]]) -> list[tuple[Plane, Plane]]:
        """Return the lumas of chosen frames, (sent, taken), by their positions, ascending in both."""
        sent_lumas, take_lumas = self._lumas
        if all(i in sent_lumas and j in take_lumas for i, j in positions):
            return [(sent_lumas[i], take_lumas[j]) for i, j in positions]
        sent, taken = ForwardReader(self.sent()), ForwardReader(self.taken())
        return [(frame_planes(sent.at(i))[0], frame_planes(taken.at(j))[0]) for i, j in positions]


def shrink_frames(frames: Iterable[VideoFrame]) -> Thumbnail:
    """Shrink frames to `(frames, 3, height, width) uint8` YUV."""
    shrunk = [_thumbnail(frame) for frame in frames]
    return np.stack(shrunk) if shrunk else _no_thumbnails()


def _thumbnail(frame: VideoFrame) -> Thumbnail:
    width, height = _THUMBNAIL_PX
    shrunk: Thumbnail = reformat(frame, width, height, "yuv444p", interpolation="AREA").to_ndarray()
    return shrunk


def _no_thumbnails() -> Thumbnail:
    width, height = _THUMBNAIL_PX
    return np.zeros((0, 3, height, width), np.uint8)


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
