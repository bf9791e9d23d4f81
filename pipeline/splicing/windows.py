"""Which stored pictures must be coded anew for a set of edits; everything else is copied.

A window begins where the packets before it show exactly the first pictures of the film (nothing before needs
anything after), at or before the edit, and ends at the first IDR picture that is shown at or after its end.
An H.264 decoder cannot resume at any other picture: frame numbers and order counts do not start anew there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .frames import Insert
from .grid import Grid
from .tables import Ints


@dataclass(frozen=True)
class Window:
    """The stored pictures [first, end), the same in decoding and in showing order."""

    first: int
    end: int
    inserts: tuple[Insert, ...]


def windows(grid: Grid, inserts: Sequence[Insert], resumable: Ints) -> list[Window]:
    """Plan the windows for edits given in shown frames; `resumable` are the samples that are IDR pictures."""
    clean = clean_starts(grid.samples.pts)
    resume = np.intersect1d(resumable, clean)
    found: list[Window] = []
    for insert in sorted(inserts, key=lambda one: one.start):
        start, end = insert.start + grid.hidden, insert.end + grid.hidden
        first = int(clean[np.searchsorted(clean, start, side="right") - 1])
        later = resume[resume >= end]
        last = int(later[0]) if len(later) else grid.samples.count
        if found and first < found[-1].end:
            before = found.pop()
            found.append(Window(before.first, max(before.end, last), (*before.inserts, insert)))
        else:
            found.append(Window(first, last, (insert,)))
    return found


def clean_starts(pts: Ints) -> Ints:
    """Give the samples before which exactly the earlier pictures are decoded; the first one is always clean."""
    highest = np.maximum.accumulate(pts)
    lowest = np.minimum.accumulate(pts[::-1])[::-1]
    return np.concatenate([[0], np.flatnonzero(highest[:-1] < lowest[1:]) + 1]).astype(np.int64)
