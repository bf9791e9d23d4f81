"""Choose where to split a span that is longer than one clip may be, and the handles of each part. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputMediaError

Ticks = NDArray[np.int64]
CUT_QUALITY = 1.0
MIN_PART_S = 1
"""A shorter part gives the model little to go by; it is chosen only if there is no other way to split the span."""
_PART_COST, _SHORT_PART_COST, _PAUSE_COST = 1e6, 1e4, 1e2


@dataclass(frozen=True)
class SplitPoint:
    """A span may be split before `frame`."""

    frame: int
    quality: float = CUT_QUALITY
    """0 to 1: how long and how quiet the pause around it is; any shot cut is preferred to any pause."""
    is_cut: bool = False


@dataclass(frozen=True)
class ClipLimit:
    """The longest clip allowed, on a film's clock in ticks."""

    frame_ticks: Ticks
    """When each frame ticks, `(frames + 1,) int64`; the last item is the end of the picture."""
    max_ticks: int
    """Ticks, handles included."""
    ticks_per_s: float
    """Ticks per second."""

    def fits(self, first: int, last: int) -> bool:
        """Check whether the frames [first, last) make a clip that is short enough."""
        return int(self.frame_ticks[last] - self.frame_ticks[first]) <= self.max_ticks


class NoSplitPoint(InputMediaError):
    """A span cannot be split between two frames."""

    def __init__(self, low_frame: int, high_frame: int) -> None:
        super().__init__(f"the span cannot be split between frames {low_frame} and {high_frame}")
        self.low_frame, self.high_frame = low_frame, high_frame
        """The first and the last frame at which a split would help."""


def choose_split_points(limit: ClipLimit, start: int, end: int, points: Iterable[SplitPoint]) -> list[int]:
    """Choose the frames at which to split [start, end) into the fewest parts that fit.

    Among choices with equally few parts, prefers those without a part under a second, then those with the most shot
    cuts, then those with the best pauses and the most even parts.

    Raises:
        NoSplitPoint: no choice makes every part short enough.
    """
    points_by_frame = _best_points(start, end, points)
    nodes = np.array([start, *sorted(points_by_frame), end], np.int64)
    ticks = limit.frame_ticks[nodes]
    even = (ticks[-1] - ticks[0]) / _min_part_count(limit, nodes)
    price = np.array([0.0, *(_point_cost(points_by_frame[frame]) for frame in sorted(points_by_frame)), 0.0])
    best, before = np.full(len(nodes), np.inf), np.zeros(len(nodes), np.int64)
    best[0] = 0.0
    for node in range(1, len(nodes)):
        first = int(np.searchsorted(ticks, ticks[node] - limit.max_ticks))
        if first == node:
            continue
        lengths = ticks[node] - ticks[first:node]
        cost = best[first:node] + ((lengths - even) / even) ** 2
        cost += _SHORT_PART_COST * (lengths < MIN_PART_S * limit.ticks_per_s)
        before[node] = first + int(np.argmin(cost))
        best[node] = cost[before[node] - first] + price[node] + _PART_COST
    return _trace_back(nodes, before)


def fit_handles(
    limit: ClipLimit, span: tuple[int, int], length: int, allowed: tuple[int, int], cuts: Sequence[int]
) -> tuple[int, int]:
    """Return how many frames the handles before and after a part have.

    Args:
        limit: the longest clip allowed.
        span: the part's own frames [start, end).
        length: frames of a handle if nothing shortens it.
        allowed: the frames [first, last) that a handle may show.
        cuts: frames that begin a new shot; a handle ends there.
    """
    start, end = span
    lowest = max([allowed[0], *(cut for cut in cuts if cut <= start)])
    highest = min([allowed[1], *(cut for cut in cuts if cut >= end)])
    head, tail = min(length, start - lowest), min(length, highest - end)
    for reach in range(max(head, tail), 0, -1):
        handles = min(head, reach), min(tail, reach)
        if limit.fits(start - handles[0], end + handles[1]):
            return handles
    return 0, 0


def _best_points(start: int, end: int, points: Iterable[SplitPoint]) -> dict[int, SplitPoint]:
    """Return the best point at each frame inside the span."""
    best: dict[int, SplitPoint] = {}
    for point in points:
        known = best.get(point.frame)
        if start < point.frame < end and (known is None or _point_cost(point) < _point_cost(known)):
            best[point.frame] = point
    return best


def _point_cost(point: SplitPoint) -> float:
    return 0.0 if point.is_cut else _PAUSE_COST + 1 - point.quality


def _min_part_count(limit: ClipLimit, nodes: Ticks) -> int:
    """Return the smallest possible number of parts: each one reaches as far as it can."""
    ticks, node, parts = limit.frame_ticks[nodes], 0, 0
    while node < len(nodes) - 1:
        last = int(np.searchsorted(ticks, ticks[node] + limit.max_ticks, side="right")) - 1
        if last == node:
            raise _no_split_point(limit, int(nodes[node]), int(nodes[-1]))
        node, parts = last, parts + 1
    return parts


def _no_split_point(limit: ClipLimit, reached: int, end: int) -> NoSplitPoint:
    """Build the error with the frames between which a split would give as few parts as the length allows."""
    ticks, longest = limit.frame_ticks, max(1, limit.max_ticks)
    parts = -(-int(ticks[end] - ticks[reached]) // longest)
    low = int(np.searchsorted(ticks, ticks[end] - (parts - 1) * longest))
    high = int(np.searchsorted(ticks, ticks[reached] + longest, side="right")) - 1
    return NoSplitPoint(max(low, reached), high)


def _trace_back(nodes: Ticks, before: Ticks) -> list[int]:
    frames, node = [], int(before[-1])
    while node:
        frames.append(int(nodes[node]))
        node = int(before[node])
    return frames[::-1]
