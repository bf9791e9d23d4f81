"""The frames of a film in showing order, with takes in the place of their spans.

Takes   paths; frames flow one by one, so memory does not grow with the film.
Gives   `(index, frame)`: decoded `av.VideoFrame`s, the take's with the source frame's place.
Raises  BadInput where a frame cannot be decoded; Unsuited where the decoder gives another count than the file promises.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame

from ..errors import BadInput
from .boxes import Unsuited

AS_STORED = {"ignore_editlist": "1"}
"""Opens an MP4 so that every stored picture is given, on the track's own clock."""


@dataclass(frozen=True)
class Insert:
    """Frames for the span [start, end) of the film, counted as the reader counts them."""

    start: int
    end: int
    path: Path
    skip: int = 0
    """Frames of `path` before the one that stands for `start`: the handle."""


def decoded(
    path: Path, stream_index: int | None = None, *, options: dict[str, str] | None = None, start_pts: int | None = None
) -> Generator[VideoFrame, None, None]:
    """Decode one picture stream in showing order, from the keyframe at or before `start_pts`."""
    with av.open(str(path), options=options or {}) as container:
        stream = container.streams[stream_index] if stream_index is not None else container.streams.video[0]
        assert isinstance(stream, av.VideoStream)
        stream.thread_type = "AUTO"
        try:
            for packet in container.demux(stream) if start_pts is None else _from_key(container, stream, start_pts):
                yield from packet.decode()
        except av.FFmpegError as error:
            raise BadInput(f"the picture is damaged and cannot be decoded to its end: {error.strerror}") from error


def _from_key(container: Any, stream: Any, start_pts: int) -> Iterator[Any]:
    """Give packets from the last keyframe that is shown no later than `start_pts`, or from the first of all.

    A reader seeks by decode times, so it may land on a keyframe that is decoded before, but shown after; in transport
    streams it may land anywhere.
    """
    target, step = start_pts, max(1, round(1 / stream.time_base))
    while True:
        container.seek(target, stream=stream, backward=True)
        packets = container.demux(stream)
        key = _key(packets, start_pts)
        if key is not None:
            break
        if target <= min(stream.start_time or 0, 0):
            container.seek(target, stream=stream, backward=True)
            yield from container.demux(stream)
            return
        target, step = max(target - step, min(stream.start_time or 0, 0)), step * 2
    yield key
    yield from packets


def _key(packets: Iterator[Any], start_pts: int) -> Any:
    for packet in packets:
        if packet.is_keyframe and packet.pts is not None and packet.pts <= start_pts:
            return packet
        if packet.dts is not None and packet.dts > start_pts:
            return None
    return None


def merged(source: Iterable[VideoFrame], inserts: Sequence[Insert], first: int = 0) -> Iterator[tuple[int, VideoFrame]]:
    """Number the source's frames from `first`, and give the takes' frames in their spans."""
    spans = sorted(inserts, key=lambda insert: insert.start)
    taken: Iterator[VideoFrame] | None = None
    at = 0
    for index, frame in enumerate(source, first):
        while at < len(spans) and index >= spans[at].end:
            at, taken = at + 1, None
        if at == len(spans) or index < spans[at].start:
            yield index, frame
            continue
        if taken is None:
            taken = _from(spans[at], index - spans[at].start)
        yield index, _fitted(next(taken, None), frame, spans[at])


def _from(insert: Insert, ahead: int) -> Iterator[VideoFrame]:
    with closing(decoded(insert.path)) as frames:
        for index, frame in enumerate(frames):
            if index >= insert.skip + ahead:
                yield frame


def _fitted(taken: VideoFrame | None, plate: VideoFrame, insert: Insert) -> VideoFrame:
    if taken is None:
        raise Unsuited(f"the take for frames {insert.start}–{insert.end} has too few frames")
    if (taken.width, taken.height) != (plate.width, plate.height):
        raise Unsuited(f"the take is {taken.width}x{taken.height}, the film {plate.width}x{plate.height}")
    if taken.format.name != plate.format.name:
        taken = taken.reformat(format=plate.format.name)
    return _onto(plate, taken)


def _onto(plate: VideoFrame, taken: VideoFrame) -> VideoFrame:
    """Put the take's pixels into the film's own frame, so that its captions and its field order stay."""
    plate.make_writable()
    for own, new in zip(plate.planes, taken.planes, strict=True):
        rows = np.frombuffer(memoryview(new), np.uint8).reshape(-1, new.line_size)
        if new.line_size != own.line_size:
            fitted = np.zeros((new.height, own.line_size), np.uint8)
            held = min(new.line_size, own.line_size)
            fitted[:, :held] = rows[: new.height, :held]
            rows = fitted
        own.update(rows[: own.height].tobytes())
    return plate
