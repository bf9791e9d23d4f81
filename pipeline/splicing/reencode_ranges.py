"""Which stored pictures are re-encoded for a set of edits; all others are copied.

A re-encode range begins at or before the edit, where the packets before it show exactly the first pictures of the film
(a closed prefix: nothing in it depends on later packets). It ends at the first picture, shown at or after the edit's
end, at which a decoder can resume. If leading pictures (decoded after it, shown before it) depend on earlier ones, they
are re-encoded too: the resume point moves behind them, or stays where it is if they can be stored after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..media.mp4.sample_tables import Ints
from .mp4.sample_times import FrameGrid
from .pictures.frames import Insert

_MAX_LEADING = 64
"""More than any codec here can hold back."""


@dataclass(frozen=True)
class RandomAccessPoint:
    """A stored picture at which a decoder can resume."""

    sample: int
    leading: int = 0
    """Number of leading pictures (RASL) that depend on earlier pictures and are lost."""
    broken_link: bool = False
    """Whether its packet must be marked as a broken link, and stored after them."""


@dataclass(frozen=True)
class ReencodeRange:
    """The stored pictures [first, end), the same in decoding and in presentation order, that are re-encoded."""

    first: int
    end: int
    inserts: tuple[Insert, ...]
    relinked: int | None = None
    """The sample that moves to slot `end` and is marked as a broken link; None if all others are copied unchanged."""
    leading: int = 0
    """How many of the last pictures are stored after the keyframe that they lead, which stays where it is."""

    @property
    def keyframe(self) -> int | None:
        """The sample of the keyframe that new pictures lead, if any do."""
        return self.end - self.leading if self.leading else None

    @property
    def slots(self) -> Ints:
        """The slots of the new packets, in decoding order."""
        slots = np.arange(self.first, self.end, dtype=np.int64)
        slots[len(slots) - self.leading :] += 1
        return slots

    @property
    def copied_from(self) -> int:
        """The first slot from which all packets are unchanged copies."""
        return self.end + (self.relinked is not None or self.leading > 0)


@dataclass(frozen=True)
class EncodedRange:
    """The new packets of one range, in decoding order, one after the other in a file."""

    range: ReencodeRange
    file: Path
    sizes: Ints
    composition: Ints
    """pts minus dts of each, on the source's dts slots."""
    sync: NDArray[np.bool_]


def plan_ranges(
    grid: FrameGrid, inserts: Sequence[Insert], access_points: Sequence[RandomAccessPoint]
) -> list[ReencodeRange]:
    """Plan the re-encode ranges for edits that are given in shown frames."""
    prefixes = closed_prefixes(grid.samples.pts)
    points = [point for point in _at_closed_prefixes(access_points, prefixes) if point.sample or not point.leading]
    ends = np.array([point.sample + point.leading for point in points], np.int64)
    links = {int(end): point.sample for end, point in zip(ends, points, strict=True) if point.broken_link}
    ranges: list[ReencodeRange] = []
    for insert in sorted(inserts, key=lambda insert: insert.start):
        start, end = insert.start + grid.hidden, insert.end + grid.hidden
        first = _before_links(int(prefixes[np.searchsorted(prefixes, start, side="right") - 1]), links)
        covered: tuple[Insert, ...] = (insert,)
        if ranges and first < ranges[-1].copied_from:
            previous = ranges.pop()
            first, covered = previous.first, (*previous.inserts, insert)
            end = max(end, previous.end)
        next_point = int(np.searchsorted(ends, end))
        if next_point == len(points):
            ranges.append(ReencodeRange(first, grid.samples.count, covered))
            continue
        point = points[next_point]
        relinked, leading = (point.sample, 0) if point.broken_link else (None, point.leading)
        ranges.append(ReencodeRange(first, int(ends[next_point]), covered, relinked, leading))
    return ranges


def _before_links(first: int, links: Mapping[int, int]) -> int:
    """Move the start of a range before the broken links that are shown right before it.

    A player that seeks to a broken link holds stand-ins for the pictures it depends on, which may have the number of
    the first new picture. `links` maps positions in presentation order to samples.
    """
    while first - 1 in links:
        first = links[first - 1]
    return first


def _at_closed_prefixes(points: Sequence[RandomAccessPoint], prefixes: Ints) -> list[RandomAccessPoint]:
    closed = np.isin([point.sample for point in points], prefixes)
    return [point for point, is_closed in zip(points, closed, strict=True) if is_closed]


def count_leading(pts: Ints, sample: int) -> int | None:
    """Count the leading pictures directly after a sample; return None if more follow later."""
    before = pts[sample + 1 : sample + 1 + _MAX_LEADING] < pts[sample]
    count = int(np.argmin(before)) if not before.all() else len(before)
    return None if before[count:].any() else count


def closed_prefixes(pts: Ints) -> Ints:
    """Return the samples before which exactly the earlier pictures are decoded; always includes the first."""
    highest = np.maximum.accumulate(pts)
    lowest = np.minimum.accumulate(pts[::-1])[::-1]
    return np.concatenate([[0], np.flatnonzero(highest[:-1] < lowest[1:]) + 1]).astype(np.int64)


def keyframe_times(grid: FrameGrid, ranges: Sequence[ReencodeRange], changed: Sequence[int]) -> list[int]:
    """Return the stored times of the film's first picture and of the keyframes that describe the ranges' pictures.

    These are the keyframes from which a range's ends are decoded, and those within it that have other parameter sets
    than the one before: `changed` has their places in showing order.
    """
    keyframes = np.unique([0, *grid.rank[grid.samples.keyframes]])
    described = [place for item in ranges for place in (item.first, item.end - 1)]
    described += [place for place in changed if any(item.first <= place < item.end for item in ranges)]
    borders = np.array(described, np.int64)
    places = np.unique(keyframes[np.searchsorted(keyframes, borders, side="right") - 1])
    times: list[int] = (grid.shown[[0, *places]] + grid.stored_shift).tolist()
    return times
