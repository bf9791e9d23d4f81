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

from av.video.frame import VideoFrame

from ...media.decode import decode_frames, open_media
from ..not_applicable import NotApplicable
from .blend import blend
from .seam_style import SeamStyle

_FEW = 24
IGNORE_EDIT_LIST = {"ignore_editlist": "1"}
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
    way: SeamStyle = "dissolve"
    """How ramps are mixed."""

    def share(self, index: int) -> tuple[int, int]:
        """Give the take's share of frame `index`, as a fraction: k + 1 of N + 1 for the ramp's frame k, else all."""
        ahead, behind = self.start + self.rise.kept - index, index - (self.end - self.fall.kept) + 1
        if ahead > 0:
            return self.rise.frames + 1 - ahead, self.rise.frames + 1
        if behind > 0:
            return self.fall.frames + 1 - behind, self.fall.frames + 1
        return 1, 1


def with_inserts(source: Iterable[VideoFrame], inserts: Sequence[Insert], first: int = 0) -> Iterator[tuple[int, VideoFrame]]:
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
            self._frames = take_frames(insert.path, insert.skip + index - insert.start)
        taken = next(self._frames, None)
        if taken is None:
            raise NotApplicable(f"the take for frames {insert.start}–{insert.end} has too few frames")
        return blend(plate, taken, *insert.share(index), insert.way)


def take_frames(path: Path, skip: int) -> Generator[VideoFrame, None, None]:
    """Give a take's frames from the one after the first `skip`; of many, the first are not decoded."""
    start = _shown_at(path, skip) if skip > _FEW else None
    with closing(decode_frames(path, start_pts=start)) as frames:
        if start is None:
            yield from islice(frames, skip, None)
        else:
            yield from (frame for frame in frames if frame.pts is not None and frame.pts >= start)


def _shown_at(path: Path, place: int) -> int | None:
    """Give when the frame at a place is shown, by the packets alone; None where they do not tell."""
    with open_media(path) as container:
        told = [
            (packet.pts, packet.is_discard) for packet in container.demux(container.streams.video[0]) if packet.size
        ]
    times = sorted(pts for pts, hidden in told if pts is not None and not hidden)
    return times[place] if place < len(times) == len(told) else None
