"""Part a span that is longer than one clip may be, and give each part its handles; pure.

Takes   frames, the ticks at which they begin, and the places where a span may be parted.
Gives   the frames at which to part it, and handles that make no clip too long and cross no shot cut.
Raises  NoPlace where no choice of the places makes every part short enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputMediaError

Ticks = NDArray[np.int64]
CUT_WORTH = 1.0
SHORTEST_PART_S = 1
"""A part that is shorter gives the model little to go by; it is made only where the span cannot be parted otherwise."""
_PER_PART, _PER_SHORT_PART, _PER_PAUSE = 1e6, 1e4, 1e2


@dataclass(frozen=True)
class Place:
    """Where a span may be parted: before `frame`."""

    frame: int
    worth: float = CUT_WORTH
    """0 to 1: how long and how quiet the pause around it is; a shot cut is worth more than any pause."""
    is_cut: bool = False


@dataclass(frozen=True)
class Ruler:
    """A film's clock in whole ticks, and the most that a clip may last."""

    begins: Ticks
    """When each frame begins, `(frames + 1,) int64`; the last is when the picture ends."""
    longest: int
    """Ticks, handles included."""
    second: float
    """Ticks per second."""

    def fits(self, first: int, last: int) -> bool:
        """Tell whether the frames [first, last) make a clip that is short enough."""
        return int(self.begins[last] - self.begins[first]) <= self.longest


class NoPlace(InputMediaError):
    """Nothing between two frames lets a span be parted there."""

    def __init__(self, low_frame: int, high_frame: int) -> None:
        super().__init__(f"no place to part the span between frames {low_frame} and {high_frame}")
        self.low_frame, self.high_frame = low_frame, high_frame
        """The first and the last frame at which a place would help."""


def joints(ruler: Ruler, start: int, end: int, places: Iterable[Place]) -> list[int]:
    """Choose the frames at which to part [start, end) so that each part fits, as few as can be.

    Of all choices with the fewest parts the one is taken with no part under a second, then with the most shot cuts,
    then with the best pauses and the most even parts.
    """
    known = _known(start, end, places)
    nodes = np.array([start, *sorted(known), end], np.int64)
    at = ruler.begins[nodes]
    even = (at[-1] - at[0]) / _fewest(ruler, nodes)
    price = np.array([0.0, *(_price(known[frame]) for frame in sorted(known)), 0.0])
    best, before = np.full(len(nodes), np.inf), np.zeros(len(nodes), np.int64)
    best[0] = 0.0
    for node in range(1, len(nodes)):
        near = int(np.searchsorted(at, at[node] - ruler.longest))
        if near == node:
            continue
        lengths = at[node] - at[near:node]
        cost = best[near:node] + ((lengths - even) / even) ** 2
        cost += _PER_SHORT_PART * (lengths < SHORTEST_PART_S * ruler.second)
        before[node] = near + int(np.argmin(cost))
        best[node] = cost[before[node] - near] + price[node] + _PER_PART
    return _walked(nodes, before)


def with_handles(
    ruler: Ruler, span: tuple[int, int], wanted: int, held: tuple[int, int], cuts: Sequence[int]
) -> tuple[int, int]:
    """Give how many frames of handle [start, end) has before and after it.

    Args:
        ruler: the film's clock, and the most that a clip may last.
        span: the part's own frames.
        wanted: the length of a handle where nothing is in its way.
        held: the frames [first, last) that a handle may show.
        cuts: frames that begin a new shot; a handle ends there.
    """
    start, end = span
    lowest = max([held[0], *(cut for cut in cuts if cut <= start)])
    highest = min([held[1], *(cut for cut in cuts if cut >= end)])
    head, tail = min(wanted, start - lowest), min(wanted, highest - end)
    for reach in range(max(head, tail), 0, -1):
        near = min(head, reach), min(tail, reach)
        if ruler.fits(start - near[0], end + near[1]):
            return near
    return 0, 0


def _known(start: int, end: int, places: Iterable[Place]) -> dict[int, Place]:
    """Give the best place of each frame inside the span."""
    known: dict[int, Place] = {}
    for place in places:
        held = known.get(place.frame)
        if start < place.frame < end and (held is None or _price(place) < _price(held)):
            known[place.frame] = place
    return known


def _price(place: Place) -> float:
    return 0.0 if place.is_cut else _PER_PAUSE + 1 - place.worth


def _fewest(ruler: Ruler, nodes: Ticks) -> int:
    """Count the parts when each one reaches as far as it can, which is the fewest there can be."""
    at, node, parts = ruler.begins[nodes], 0, 0
    while node < len(nodes) - 1:
        far = int(np.searchsorted(at, at[node] + ruler.longest, side="right")) - 1
        if far == node:
            raise _stuck(ruler, int(nodes[node]), int(nodes[-1]))
        node, parts = far, parts + 1
    return parts


def _stuck(ruler: Ruler, reached: int, end: int) -> NoPlace:
    """Tell where a place was looked for: where it would leave as few parts as the length allows."""
    begins, longest = ruler.begins, max(1, ruler.longest)
    parts = -(-int(begins[end] - begins[reached]) // longest)
    low = int(np.searchsorted(begins, begins[end] - (parts - 1) * longest))
    high = int(np.searchsorted(begins, begins[reached] + longest, side="right")) - 1
    return NoPlace(max(low, reached), high)


def _walked(nodes: Ticks, before: Ticks) -> list[int]:
    found, node = [], int(before[-1])
    while node:
        found.append(int(nodes[node]))
        node = int(before[node])
    return found[::-1]
