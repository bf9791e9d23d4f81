"""Which stored pictures must be coded anew for a set of edits; everything else is copied.

A window begins where the packets before it show exactly the first pictures of the film (nothing before needs
anything after), at or before the edit, and ends at the first picture shown at or after its end at which a decoder can
resume. Where pictures that are decoded after that one and shown before it lean on what was there, they are coded anew
as well, and it moves behind them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .mp4.sample_tables import Ints
from .mp4.sample_times import Grid
from .pictures.frames import Insert

_MOST_LEADING = 64
"""More than any codec here can hold back."""


@dataclass(frozen=True)
class Resumption:
    """A stored picture at which a decoder can resume."""

    sample: int
    leading: int = 0
    """How many pictures are decoded right after it, shown before it, and lean on what was there: they are lost."""
    patched: bool = False
    """Whether its packet is stored otherwise than in the source."""


@dataclass(frozen=True)
class Window:
    """The stored pictures [first, end), the same in decoding and in showing order, that are coded anew."""

    first: int
    end: int
    inserts: tuple[Insert, ...]
    patched: int | None = None
    """The sample that goes to the slot `end`, stored otherwise than in the source; None where all is copied."""

    @property
    def stored_end(self) -> int:
        """The first slot after the window whose packet is the source's own."""
        return self.end + (self.patched is not None)


def windows(grid: Grid, inserts: Sequence[Insert], resumable: Sequence[Resumption]) -> list[Window]:
    """Plan the windows for edits given in shown frames."""
    clean = clean_starts(grid.samples.pts)
    resume = _clean_only(resumable, clean)
    ends = np.array([one.sample + one.leading for one in resume], np.int64)
    links = {int(end): one.sample for end, one in zip(ends, resume, strict=True) if one.patched}
    found: list[Window] = []
    for insert in sorted(inserts, key=lambda one: one.start):
        start, end = insert.start + grid.hidden, insert.end + grid.hidden
        first = _clear_of_links(int(clean[np.searchsorted(clean, start, side="right") - 1]), links)
        if found and first < found[-1].stored_end:
            before = found.pop()
            first, own = before.first, (*before.inserts, insert)
            end = max(end, before.end)
        else:
            own = (insert,)
        later = int(np.searchsorted(ends, end))
        if later == len(resume):
            found.append(Window(first, grid.samples.count, own))
            continue
        point = resume[later]
        found.append(Window(first, int(ends[later]), own, point.sample if point.patched else None))
    return found


def _clear_of_links(first: int, links: Mapping[int, int]) -> int:
    """Begin before a broken link that is shown right before a window, not after it.

    A player that seeks to it would still hold stand-ins for what it leans on, and they may go by the first new
    picture's number; `links` gives the sample of each by its place in showing order.
    """
    while first - 1 in links:
        first = links[first - 1]
    return first


def _clean_only(resumable: Sequence[Resumption], clean: Ints) -> list[Resumption]:
    known = np.isin([one.sample for one in resumable], clean)
    return [one for one, is_clean in zip(resumable, known, strict=True) if is_clean]


def leading(pts: Ints, sample: int) -> int | None:
    """Count the pictures right after a sample that are shown before it; None where such come later as well."""
    before = pts[sample + 1 : sample + 1 + _MOST_LEADING] < pts[sample]
    count = int(np.argmin(before)) if not before.all() else len(before)
    return None if before[count:].any() else count


def clean_starts(pts: Ints) -> Ints:
    """Give the samples before which exactly the earlier pictures are decoded; the first one is always clean."""
    highest = np.maximum.accumulate(pts)
    lowest = np.minimum.accumulate(pts[::-1])[::-1]
    return np.concatenate([[0], np.flatnonzero(highest[:-1] < lowest[1:]) + 1]).astype(np.int64)
