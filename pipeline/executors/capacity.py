"""The cores and the memory of this machine, which the running calls of a process share."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ..core.nodes.node import Need

MEMORY_SHARE = 0.9
"""The share of this machine's memory that calls may reserve; the rest is the system's and the coordinator's."""
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_Amount = tuple[int, int]
"""Cores, and memory in MB."""


class Capacity:
    """As much as a call needs, first come, first served; a call that needs more than there is takes all."""

    def __init__(self, cores: int | None = None, memory_mb: int | None = None) -> None:
        """Share so many cores and so much memory; default: those of this machine."""
        self.cores = cores or os.cpu_count() or 1
        self.memory_mb = round(MEMORY_SHARE * machine_memory_mb()) if memory_mb is None else memory_mb
        """0: not known, so no memory is reserved."""
        self._free: _Amount = (self.cores, self.memory_mb)
        self._waiting: deque[tuple[_Amount, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, need: Need) -> AsyncIterator[None]:
        """Wait until what a call needs is free, and hold it; a call that needs nothing waits for nothing."""
        amount = (min(need.cores, self.cores), min(need.memory_mb, self.memory_mb))
        if any(amount):
            await self._take(amount)
        try:
            yield
        finally:
            self._give_back(amount)

    async def _take(self, amount: _Amount) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, turn))
        self._wake()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting = deque(item for item in self._waiting if item[1] is not turn)
                self._wake()
            else:
                self._give_back(amount)
            raise

    def _give_back(self, amount: _Amount) -> None:
        self._free = (self._free[0] + amount[0], self._free[1] + amount[1])
        self._wake()

    def _wake(self) -> None:
        while self._waiting and all(
            wanted <= free for wanted, free in zip(self._waiting[0][0], self._free, strict=True)
        ):
            amount, turn = self._waiting.popleft()
            if not turn.done():
                self._free = (self._free[0] - amount[0], self._free[1] - amount[1])
                turn.set_result(None)


def machine_memory_mb() -> int:
    """Return the memory of this machine, or of its container if that has less, in MB; 0 if it is not known."""
    limits = []
    with contextlib.suppress(OSError, ValueError, AttributeError):  # Windows has no sysconf
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with contextlib.suppress(OSError, ValueError):  # "max" is no number
        limits.append(int(_CGROUP_LIMIT.read_text(encoding="ascii")))
    return min(limits, default=0) >> 20
