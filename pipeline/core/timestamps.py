"""When each frame of a film is shown, packed: a long film of even spacing is one run."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict


class Timestamps(BaseModel):
    """The presentation times of all shown frames, rising, in units of the stream's time base."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    runs: tuple[tuple[int, int, int], ...]
    """Runs of even spacing: (first, step, how many)."""
    last_duration: int
    """How long the last frame is shown, in the same units."""

    @classmethod
    def of(cls, times: NDArray[np.int64] | list[int], last_duration: int) -> Timestamps:
        """Pack rising times into runs."""
        array = np.asarray(times, np.int64)
        runs: list[tuple[int, int, int]] = []
        start, steps = 0, np.diff(array)
        while start < len(array):
            changes = np.flatnonzero(steps[start:] != steps[start : start + 1])
            count = (int(changes[0]) if len(changes) else len(steps) - start) + 1
            runs.append((int(array[start]), int(steps[start]) if count > 1 else 0, count))
            start += count
        return cls(runs=tuple(runs), last_duration=last_duration)

    @property
    def count(self) -> int:
        """How many frames are shown."""
        return sum(count for _, _, count in self.runs)

    @cached_property
    def array(self) -> NDArray[np.int64]:
        """All times, `(frames,) int64`; not to be written to."""
        parts = [first + step * np.arange(count, dtype=np.int64) for first, step, count in self.runs]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    @property
    def end(self) -> int:
        """When the last frame ends."""
        return int(self.array[-1]) + self.last_duration
