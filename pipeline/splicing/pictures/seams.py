"""Where takes are laid over a film, and over how many frames of their handles they come and go.

Takes   a film and its conformed takes.
Gives   `Insert`s in the order in which they are laid; [start, end) holds every frame that may change, and no more.
Raises  BadInput where a frame of the film or of a take cannot be decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import InputMediaError
from ...core.node import NodeContext
from ...core.values import Media, Segment, Take, VideoStream
from ...media.decode import frames as source_frames
from .blend import over, same
from .frames import Insert, Ramp, held
from .seam_style import Seam


@dataclass(frozen=True)
class Ramps:
    """How many frames before the in point and from the out point on a take's ramps are long."""

    rise: int
    fall: int


def inserts(context: NodeContext, media: Media, takes: Sequence[Take], seam: Seam) -> tuple[Insert, ...]:
    """Place takes, each with the ramps that its handles, its neighbours and the seam leave it."""
    assert media.video is not None
    ordered = sorted(takes, key=lambda take: take.segment.start_frame)
    planned = ramps([take.segment for take in ordered], seam)
    source = context.path(media.file)
    placed = []
    for number, (take, ramp) in enumerate(zip(ordered, planned, strict=True)):
        whole = _whole(context, take, ramp, seam)
        on_take = number > 0 and ordered[number - 1].segment.end_frame == take.segment.start_frame
        placed.append(_shrunk(source, media.video, whole, on_take=on_take))
    return tuple(placed)


def ramps(segments: Sequence[Segment], seam: Seam) -> list[Ramps]:
    """Plan the ramps of segments in the order of their starts.

    A ramp is as long as the seam wants and the handle holds. It stays out of other segments' spans, with one
    exception: where two abut, the second comes in over the first one's last frames, and the first has no way out.
    """
    made = []
    for number, one in enumerate(segments):
        before = segments[number - 1] if number else None
        after = segments[number + 1] if number + 1 < len(segments) else None
        rise, fall = min(seam.ramp_frames, one.head_frames), min(seam.ramp_frames, one.tail_frames)
        if before is not None:
            gap = one.start_frame - before.end_frame
            rise = min(rise, gap if gap > 0 else before.end_frame - before.start_frame)
        if after is not None:
            fall = min(fall, max(after.start_frame - one.end_frame, 0))
        made.append(Ramps(rise, fall))
    return made


def _whole(context: NodeContext, take: Take, ramp: Ramps, seam: Seam) -> Insert:
    one = take.segment
    return Insert(
        one.start_frame - ramp.rise,
        one.end_frame + ramp.fall,
        context.path(take.media.file),
        one.head_frames - ramp.rise,
        Ramp(ramp.rise, ramp.rise),
        Ramp(ramp.fall, ramp.fall),
        seam.video if seam.ramp_frames else "dissolve",
    )


def _shrunk(source: Path, video: VideoStream, insert: Insert, *, on_take: bool) -> Insert:
    """Leave out the outer frames of the ramps that the take does not change: their packets can stay."""
    rise, fall = insert.rise.frames, insert.fall.frames
    # Over another take it is not the film that would be changed.
    early = 0 if on_take else _unchanged(source, video, insert, range(insert.start, insert.start + rise))
    late = _unchanged(source, video, insert, range(insert.end - fall, insert.end), last=True)
    return Insert(
        insert.start + early,
        insert.end - late,
        insert.path,
        insert.skip + early,
        Ramp(rise, rise - early),
        Ramp(fall, fall - late),
        insert.way,
    )


def _unchanged(source: Path, video: VideoStream, insert: Insert, span: range, *, last: bool = False) -> int:
    """Count the frames at the span's outer end that would stay as they are."""
    if not span:
        return 0
    changes = []
    with closing(held(insert.path, insert.skip + span.start - insert.start)) as taken:
        plates = source_frames(source, video, span.start, span.stop)
        kept = source_frames(source, video, span.start, span.stop)
        for (index, plate), (_, own) in zip(plates, kept, strict=True):
            other = next(taken, None)
            if other is None:
                raise InputMediaError(f"the take for frames {insert.start}–{insert.end} has too few frames")
            changes.append(not same(own, over(plate, other, *insert.share(index), insert.way)))
    outer = changes[::-1] if last else changes
    return outer.index(True) if True in outer else len(outer)
