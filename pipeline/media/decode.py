"""Decoded frames by their index, exactly.

Takes   a file, its picture as `probe` found it, and a half-open range of frames.
Gives   PyAV frames one at a time in the order shown; memory stays at a few frames whatever the range.
Raises  BadInput when a frame of the range is missing or cannot be decoded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputMediaError
from ..core.times import clock_text
from ..core.values import VideoStream
from .colour import meant
from .opening import opened

_SEEK_TRIES = 3
_SEEK_STEP_S = 2
_WAYS = (("AUTO", True), ("AUTO", False), ("SLICE", False))
"""(threads, whether to seek): some containers cannot be sought in, and frame threads lose good frames after a
damaged one; each way takes up where the one before it stopped."""


def frames(path: Path, video: VideoStream, start: int = 0, end: int | None = None) -> Iterator[tuple[int, Any]]:
    """Give (index, `av.VideoFrame`) for the frames [start, end), as coded: no turn, no colour conversion."""
    end = video.frame_count if end is None else end
    if not 0 <= start <= end <= video.frame_count:
        raise InputMediaError(f"frames {start} to {end} were asked for; the film has {video.frame_count}")
    given = start
    for threads, seek in _WAYS:
        with opened(path) as container:
            stream = container.streams[video.index]
            stream.thread_type = threads
            due = video.timestamps.array[given:end].tolist()
            for frame in _due(_packets(container, stream, due[0], seek=seek), due) if due else ():
                yield given, frame
                given += 1
        if given == end:
            return
    at = clock_text(max(int(video.timestamps.array[given]) * video.time_base, Fraction(0)))
    raise InputMediaError(f"frame {given} of the film (at {at}) is damaged and cannot be decoded")


def images(
    path: Path, video: VideoStream, start: int = 0, end: int | None = None, *, upright: bool = True
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Give (index, picture) for the frames [start, end); `(height, width, 3) uint8 RGB`, turned as it is shown."""
    for index, frame in frames(path, video, start, end):
        picture = rgb(frame, video)
        yield index, turn_upright(picture, video) if upright else picture


def rgb(frame: Any, video: VideoStream) -> NDArray[np.uint8]:
    """Convert a frame as coded to `(height, width, 3) uint8 RGB`, full range, by the matrix that the film means."""
    described = meant(video)
    space = {"smpte170m": 5, "bt470bg": 5, "fcc": 4, "smpte240m": 7, "bt2020nc": 9, "bt2020c": 9}.get(
        described.space, 1
    )
    range_ = 2 if described.range == "pc" else 1
    made: NDArray[np.uint8] = frame.to_ndarray(
        format="rgb24", src_colorspace=space, src_color_range=range_, dst_color_range=2
    )
    return made


def turn_upright(picture: NDArray[Any], video: VideoStream) -> NDArray[Any]:
    """Mirror and turn a picture as coded, `(height, width, …)`, to how it is shown."""
    shown = picture[:, ::-1] if video.mirrored else picture
    return np.ascontiguousarray(np.rot90(shown, -(video.rotation_deg // 90)))


def turn_coded(picture: NDArray[Any], video: VideoStream) -> NDArray[Any]:
    """Undo `turn_upright`."""
    turned = np.rot90(picture, video.rotation_deg // 90)
    return np.ascontiguousarray(turned[:, ::-1] if video.mirrored else turned)


def _due(packets: Iterator[Any], due: list[int]) -> Iterator[Any]:
    """Give the frames shown at these times, in order, up to the first that does not come."""
    given = 0
    for frame in _decoded(packets):
        if frame.pts < due[given]:
            continue
        if frame.pts > due[given]:
            return
        yield frame
        given += 1
        if given == len(due):
            return


def _decoded(packets: Iterator[Any]) -> Iterator[Any]:
    for packet in packets:
        with contextlib.suppress(av.FFmpegError):  # a gap is told by the caller, who knows which frames are due
            yield from (frame for frame in packet.decode() if frame.pts is not None)


def _packets(container: Any, stream: Any, first: int, *, seek: bool) -> Iterator[Any]:
    """Give packets from a keyframe that is shown no later than `first`; nothing where seeking does not find one."""
    if not seek:
        yield from container.demux(stream)
        return
    target = first
    for _ in range(_SEEK_TRIES):
        try:
            container.seek(target, stream=stream, backward=True)
        except av.FFmpegError:
            return
        packets = container.demux(stream)
        head = next(packets, None)
        if head is None or head.dts is None:
            return
        if head.is_keyframe and head.pts is not None and head.pts <= first:
            yield head
            yield from packets
            return
        target = min(target, head.dts) - round(_SEEK_STEP_S / stream.time_base)
