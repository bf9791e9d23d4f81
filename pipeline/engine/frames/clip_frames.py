"""Decoded frames of a clip, by number, in bounded memory.

The clip is an mp4 of constant rate, 8-bit 4:2:0. Frames come as their three planes, exactly as decoded: forwards at no
extra cost, backwards in short runs.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import av.error
import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.stream import VideoStream

from ...core.errors import InputMediaError
from ...media.frames.decode import decode_frames
from ..arrays import Plane

CACHE_BYTES = 96 * 2**20
"""Size of the cache of decoded frames, so that a backward run does not decode from a keyframe for every frame."""


@dataclass(frozen=True)
class VideoFormat:
    """The size, rate and colour tags of a clip's pictures, which its takes share."""

    width: int
    height: int
    fps: Fraction
    matrix: int
    """ITU-T H.273 matrix coefficients; 2 if the file does not say."""
    primaries: int
    transfer: int
    range: int
    """1 limited, 2 full, 0 if the file does not say, which means limited."""


@dataclass(frozen=True)
class Picture:
    """One frame as its planes: luma (height, width), and two chroma planes of half that size."""

    luma: Plane
    blue: Plane
    red: Plane


class ClipFrames:
    """The frames of one clip; use it in a `with` block."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._container = av.open(str(path))
        except (av.error.FFmpegError, OSError) as error:
            raise InputMediaError(f"{path.name} cannot be read: {error}; give an H.264 mp4") from error
        if not self._container.streams.video:
            self._container.close()
            raise InputMediaError(f"{path.name} has no video; give an H.264 mp4")
        self._stream: VideoStream = self._container.streams.video[0]
        self._times: list[int] = []
        self._cached: OrderedDict[int, Picture] = OrderedDict()
        self._decoder: Iterator[tuple[int, VideoFrame]] | None = None
        self._next = 0
        context = self._stream.codec_context
        self._capacity = max(2, CACHE_BYTES // max(1, context.width * context.height * 3 // 2))

    def __enter__(self) -> ClipFrames:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decoder = None
        self._container.close()

    @property
    def video_format(self) -> VideoFormat:
        """The format of the pictures.

        Raises:
            InputMediaError: the rate is unknown, or a side is odd, which 4:2:0 cannot have.
        """
        context, fps = self._stream.codec_context, self._stream.average_rate
        if fps is None or fps <= 0:
            raise InputMediaError(f"{self._path.name} has no frame rate; transcode it to a constant rate first")
        if context.width % 2 or context.height % 2:
            raise InputMediaError(
                f"{self._path.name} is {context.width}x{context.height}; transcode it to even sides first"
            )
        return VideoFormat(
            context.width,
            context.height,
            Fraction(fps),
            int(context.colorspace),
            int(context.color_primaries),
            int(context.color_trc),
            int(context.color_range),
        )

    @property
    def times(self) -> tuple[int, ...]:
        """The pts of each frame, in the stream's time base; known after a full `decode_all` or `set_times`."""
        return tuple(self._times)

    def set_times(self, times: Sequence[int]) -> None:
        """Set the `times` from an earlier `decode_all` of this clip."""
        self._times = list(times)

    @property
    def expected_count(self) -> int:
        """About how many frames there are, for a progress bar; 0 if the file does not say."""
        if self._stream.frames:
            return int(self._stream.frames)
        length, base, fps = self._stream.duration, self._stream.time_base, self._stream.average_rate
        return round(length * base * fps) if length and base and fps else 0

    def decode_all(self) -> Iterator[VideoFrame]:
        """Yield every frame in order, as decoded, and record its pts."""
        self._times, self._decoder = [], None
        try:
            for frame in decode_frames(self._path, self._stream.index):
                if frame.pts is None:
                    raise InputMediaError(f"{self._path.name} has a frame without a timestamp; transcode it first")
                self._times.append(frame.pts)
                yield frame
        except InputMediaError as error:
            if isinstance(error.__cause__, av.error.FFmpegError):
                raise InputMediaError(
                    f"{self._path.name} cannot be decoded after frame {len(self._times)}: {error.__cause__}"
                ) from error
            raise

    def picture(self, number: int) -> Picture:
        """Return a frame by its number; `times` must be known."""
        if number in self._cached:
            return self._cached[number]
        if self._decoder is None:
            self._restart(number)
        elif number < self._next:
            self._restart(max(0, number - self._capacity + 1))
        assert self._decoder is not None
        for index, frame in self._decoder:
            self._next = index + 1
            self._cache(index, planes_of(frame))
            if index == number:
                return self._cached[number]
        raise InputMediaError(f"{self._path.name} has no frame {number} on the second reading")

    def _cache(self, index: int, picture: Picture) -> None:
        self._cached[index] = picture
        while len(self._cached) > self._capacity:
            self._cached.popitem(last=False)

    def _restart(self, first: int) -> None:
        self._cached.clear()
        frames = decode_frames(self._path, self._stream.index, start_pts=self._times[first])
        numbers = {time: index for index, time in enumerate(self._times)}
        self._decoder = ((numbers[frame.pts], frame) for frame in frames if frame.pts in numbers)


def planes_of(frame: VideoFrame) -> Picture:
    """Return the planes of a decoded frame: views of the decoder's memory, read-only."""
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    return Picture(*(_plane(plane) for plane in frame.planes))


def _plane(plane: VideoPlane) -> Plane:
    padded = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    rows: Plane = padded[: plane.height, : plane.width]
    rows.flags.writeable = False
    return rows
