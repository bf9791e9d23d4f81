"""Long rows of numbers of which each is near the one before: times, sizes, and places in a file.

Takes   numbers block by block.
Gives   `Column`: their steps in 32 bits, or in 64 where one does not fit; the numbers themselves when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..boxes.tables import Ints

_NARROW = np.iinfo(np.int32)


@dataclass(frozen=True)
class Column:
    """A row of numbers; 4 bytes each where they are near each other."""

    first: int
    steps: NDArray[np.integer[Any]]
    """From each to the next; the first is 0."""

    @staticmethod
    def of(values: Ints) -> Column:
        """Pack numbers that are all at hand."""
        packer = Packer()
        packer.add(values)
        return packer.column()

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def values(self) -> Ints:
        """Work the numbers out; whoever asks holds them."""
        made = np.cumsum(self.steps, dtype=np.int64)
        made += self.first
        return made


class Packer:
    """Packs a column whose numbers come block by block."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.integer[Any]]] = []
        self._first: int | None = None
        self._last = 0

    def add(self, values: Ints) -> None:
        """Append numbers."""
        if not len(values):
            return
        if self._first is None:
            self._first = self._last = int(values[0])
        # What does not fit 64 bits wraps around, and wraps back when the steps are added up.
        before = np.concatenate([np.array([self._last], np.int64), values[:-1]])
        steps = values - before
        self._last = int(values[-1])
        fits = int(steps.min()) >= _NARROW.min and int(steps.max()) <= _NARROW.max
        self._blocks.append(steps.astype(np.int32) if fits else steps)

    def column(self) -> Column:
        """Give all of them, and let go of the blocks."""
        blocks, self._blocks = self._blocks, []
        steps = np.concatenate(blocks) if blocks else np.zeros(0, np.int32)
        return Column(self._first or 0, steps)
