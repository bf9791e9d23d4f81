"""The frames of a film in showing order, with takes laid over their spans.

Takes   paths; frames flow one by one, so memory does not grow with the film.
Gives   `(index, frame)`: decoded `av.VideoFrame`s, the take's with the source frame's place.
Raises  BadInput where a frame cannot be decoded; Unsuited where the decoder gives another count than the file promises.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.video.frame import VideoFrame

from ...core.errors import InputMediaError
from ..not_applicable import Unsuited
from .blend import over
from .seam_style import Way

_FEW = 24
AS_STORED = {"ignore_editlist": "1"}
"""Opens an MP4 so that every stored picture is given, on the track's own clock."""


@dataclass(frozen=True)
class Ramp:
    """The way into or out of a take: `frames` long, of which the `kept` next to the edit are touched."""

    frames: int = 0
    kept: int = 0


NO_RAMP = Ramp()


@dataclass(frozen=True)
class Insert:
    """Frames for the span [start, end) of the film, its ramps included, counted as the reader counts them.

    Inserts may overlap: each is laid over what those that start before it give.
    """

    start: int
    end: int
    path: Path
    skip: int = 0
    """Frames of `path` before the one that stands for `start`: the rest of the handle."""
    rise: Ramp = NO_RAMP
    fall: Ramp = NO_RAMP
    way: Way = "dissolve"
    """How ramps are mixed."""

    def share(self, index: int) -> tuple[int, int]:
        """Give the take's share of frame `index`, as a fraction: k + 1 of N + 1 for the ramp's frame k, else all."""
        ahead, behind = self.start + self.rise.kept - index, index - (self.end - self.fall.kept) + 1
        if ahead > 0:
            return self.rise.frames + 1 - ahead, self.rise.frames + 1
        if behind > 0:
            return self.fall.frames + 1 - behind, self.fall.frames + 1
        return 1, 1


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
            raise InputMediaError(
                f"the picture is damaged and cannot be decoded to its end: {error.strerror}"
            ) from error


def _from_key(container: Any, stream: Any, start_pts: int) -> Iterator[Any]:
    """Give packets from the last keyframe that is shown no later than `start_pts`, or from the first of all.

    A reader seeks by decode times, so it may land on a keyframe that is decoded before, but shown after; in transport
    streams it may land anywhere.
    """
    target, step = start_pts, max(1, round(1 / stream.time_base))
    while True:
        try:
            container.seek(target, stream=stream, backward=True)
        except PermissionError:  # a film of a picture or two in a transport stream has no place to seek to
            yield from container.demux(stream)
            return
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
    """Number the source's frames from `first`, and lay the takes' frames over those of their spans."""
    waiting = [_Layer(insert) for insert in sorted(inserts, key=lambda insert: insert.start)]
    for index, frame in enumerate(source, first):
        waiting = [layer for layer in waiting if index < layer.insert.end]
        shown = frame
        for layer in waiting:
            if index < layer.insert.start:
                break
            shown = layer.over(shown, index)
        yield index, shown


class _Layer:
    """One take, read forward beside the film."""

    def __init__(self, insert: Insert) -> None:
        self.insert = insert
        self._frames: Iterator[VideoFrame] | None = None

    def over(self, plate: VideoFrame, index: int) -> VideoFrame:
        """Lay the take's frame for `index` over a frame; indices rise by one."""
        insert = self.insert
        if self._frames is None:
            self._frames = held(insert.path, insert.skip + index - insert.start)
        taken = next(self._frames, None)
        if taken is None:
            raise Unsuited(f"the take for frames {insert.start}–{insert.end} has too few frames")
        return over(plate, taken, *insert.share(index), insert.way)


def held(path: Path, skip: int) -> Generator[VideoFrame, None, None]:
    """Give a take's frames from the one after the first `skip`; of many, the first are not decoded."""
    start = _shown_at(path, skip) if skip > _FEW else None
    with closing(decoded(path, start_pts=start)) as frames:
        if start is None:
            yield from islice(frames, skip, None)
        else:
            yield from (frame for frame in frames if frame.pts is not None and frame.pts >= start)


def _shown_at(path: Path, place: int) -> int | None:
    """Give when the frame at a place is shown, by the packets alone; None where they do not tell."""
    with av.open(str(path)) as container:
        told = [
            (packet.pts, packet.is_discard) for packet in container.demux(container.streams.video[0]) if packet.size
        ]
    times = sorted(pts for pts, hidden in told if pts is not None and not hidden)
    return times[place] if place < len(times) == len(told) else None
