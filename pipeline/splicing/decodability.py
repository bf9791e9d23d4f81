"""Check before anything is made that the pictures around every edit decode at the times that their packets have.

Packets alone do not tell: a film may be cut between keyframes, begin with an edit list before its first keyframe, or be
damaged. What is read here is what the splice and its checks read later; the middle of a long edit is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..core.errors import InputMediaError
from ..core.values import Media
from ..media.frames.decode import ENCODE_AGAIN, decode_frames, exact_frames
from ..media.timing.clock import describe_frame
from .mp4.sample_tables import Ints
from .mp4.sample_times import IGNORE_EDIT_LIST, FrameGrid

NEAR_FRAMES = 24
"""On either side of a border."""


def require_decodable(source: Path, media: Media, spans: Sequence[tuple[int, int]]) -> None:
    """Check that the shown frames near the borders of half-open spans decode at their times, as a player reads them.

    Raises:
        InputMediaError: one does not; the message names it and its time.
    """
    video = media.video
    assert video is not None
    times = video.timestamps.array
    for item in _near_borders(spans, len(times)):
        if not _decodes(source, video.index, times[item.start : item.stop]):
            list(exact_frames(source, video, item.start, item.stop))  # names the frame
            raise InputMediaError(
                f"frames {item.start}–{item.stop - 1} of the film (from {describe_frame(media, item.start)}) do not "
                f"decode at their times; encode it again first ({ENCODE_AGAIN})"
            )


def stored_pictures_decode(source: Path, media: Media, grid: FrameGrid, spans: Sequence[tuple[int, int]]) -> bool:
    """Return whether the stored pictures near the borders of spans decode when the edit list is ignored."""
    assert media.video is not None
    times = grid.shown + grid.stored_shift
    options = IGNORE_EDIT_LIST if grid.track is not None else None
    items = _near_borders(spans, len(times))
    return all(_decodes(source, media.video.index, times[item.start : item.stop], options) for item in items)


def _near_borders(spans: Sequence[tuple[int, int]], count: int) -> Iterator[range]:
    """Yield the frames near the borders of spans in order, joined where they overlap."""
    borders = sorted({border for span in spans for border in span})
    start = end = 0
    for border in borders:
        first, after = max(border - NEAR_FRAMES, 0), min(border + NEAR_FRAMES, count)
        if first > end or end == 0:
            if end > start:
                yield range(start, end)
            start = first
        end = after
    if end > start:
        yield range(start, end)


def _decodes(source: Path, stream: int, times: Ints, options: Mapping[str, str] | None = None) -> bool:
    """Return whether a reader that seeks gives a frame at each of these times, and no other between them."""
    remaining = iter(times.tolist())
    due = next(remaining)
    try:
        for frame in decode_frames(source, stream, options=options, start_pts=int(times[0])):
            if frame.pts is None or frame.pts < times[0]:
                continue
            if frame.pts != due:
                return False
            following = next(remaining, None)
            if following is None:
                return True
            due = following
    except InputMediaError:
        return False
    return False
