"""Decoded frames of a clip, by number, with a bounded memory.

Takes   an mp4 of constant rate, 8-bit 4:2:0.
Gives   frames as their three planes, exactly as decoded; forwards at no extra cost, backwards in short runs.
Raises  BadInput where the file cannot be read.
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
from ..arrays import Plane

KEPT_BYTES = 96 * 2**20
"""How much picture is kept, so that a run backwards need not be decoded frame by frame."""


@dataclass(frozen=True)
class Look:
    """What a clip's pictures are, for a copy to be alike."""

    width: int
    height: int
    fps: Fraction
    matrix: int
    """ITU-T H.273 matrix coefficients; 2 where the file does not say."""
    primaries: int
    transfer: int
    range: int
    """1 limited, 2 full, 0 where the file does not say, which means limited."""


@dataclass(frozen=True)
class Picture:
    """One frame as its planes: luma (height, width), and two of half that size."""

    luma: Plane
    blue: Plane
    red: Plane


class Frames:
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
        self._stream.thread_type = "AUTO"
        self._times: list[int] = []
        self._kept: OrderedDict[int, Picture] = OrderedDict()
        self._running: Iterator[tuple[int, VideoFrame]] | None = None
        self._next = 0
        context = self._stream.codec_context
        self._capacity = max(2, KEPT_BYTES // max(1, context.width * context.height * 3 // 2))

    def __enter__(self) -> Frames:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    @property
    def look(self) -> Look:
        """Describe the pictures.

        Raises:
            BadInput: the rate is unknown, or a side is odd, which 4:2:0 cannot have.
        """
        context, fps = self._stream.codec_context, self._stream.average_rate
        if fps is None or fps <= 0:
            raise InputMediaError(f"{self._path.name} has no frame rate; transcode it to a constant one first")
        if context.width % 2 or context.height % 2:
            raise InputMediaError(
                f"{self._path.name} is {context.width}x{context.height}; transcode it to even sides first"
            )
        return Look(
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
        """Give when each frame is shown, in the stream's own ticks; `all` must have run to its end, or `know`."""
        return tuple(self._times)

    def know(self, times: Sequence[int]) -> None:
        """Take over what `times` gave for this clip before, instead of running through `all`."""
        self._times = list(times)

    @property
    def expected(self) -> int:
        """Give about how many frames there are, for a progress bar; 0 where the file does not say."""
        if self._stream.frames:
            return int(self._stream.frames)
        length, base, fps = self._stream.duration, self._stream.time_base, self._stream.average_rate
        return round(length * base * fps) if length and base and fps else 0

    def all(self) -> Iterator[VideoFrame]:
        """Give every frame in order, as the decoder has it, and learn where each one is."""
        self._restart(None)
        self._times = []
        try:
            for frame in self._container.decode(self._stream):
                if frame.pts is None:
                    raise InputMediaError(f"{self._path.name} has a frame without a timestamp; transcode it first")
                self._times.append(frame.pts)
                yield frame
        except av.error.FFmpegError as error:
            raise InputMediaError(
                f"{self._path.name} cannot be decoded after frame {len(self._times)}: {error}"
            ) from error
        self._restart(None)

    def picture(self, number: int) -> Picture:
        """Give a frame by its number; `all` must have run before."""
        if number in self._kept:
            return self._kept[number]
        if self._running is None:
            self._restart(number)
        elif number < self._next:
            self._restart(max(0, number - self._capacity + 1))
        assert self._running is not None
        for index, frame in self._running:
            self._next = index + 1
            self._keep(index, picture_of(frame))
            if index == number:
                return self._kept[number]
        raise InputMediaError(f"{self._path.name} has no frame {number} when it is read again")

    def _keep(self, index: int, picture: Picture) -> None:
        self._kept[index] = picture
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def _restart(self, first: int | None) -> None:
        if first is None:
            self._container.seek(0)
            self._running, self._next = None, 0
            return
        self._kept.clear()
        self._container.seek(self._times[first], stream=self._stream)
        self._running = self._numbered({time: index for index, time in enumerate(self._times)})

    def _numbered(self, numbers: dict[int, int]) -> Iterator[tuple[int, VideoFrame]]:
        for frame in self._container.decode(self._stream):
            if frame.pts in numbers:
                yield numbers[frame.pts], frame


def picture_of(frame: VideoFrame) -> Picture:
    """Give the planes of a decoded frame: the decoder's own memory, which is not to be written to."""
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    return Picture(*(_plane(plane) for plane in frame.planes))


def _plane(plane: VideoPlane) -> Plane:
    whole = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    rows: Plane = whole[: plane.height, : plane.width]
    rows.flags.writeable = False
    return rows
